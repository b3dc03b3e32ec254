"""Debian packages for the virtual machines: unpacked beside the system, or installed where the caller is root."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path


def install_programs(programs: Mapping[str, str]) -> None:
    """Install what is missing of `programs`, each with the package it comes in; without root, end with their names."""
    missing = sorted({package for program, package in programs.items() if shutil.which(program) is None})
    if missing and os.geteuid() != 0:
        raise SystemExit(f"please install first: apt-get install --no-install-recommends {' '.join(missing)}")
    if missing:
        sys.stdout.write(f"installing {' '.join(missing)}\n")
        sys.stdout.flush()
        install = ["apt-get", "-qq", "install", "-y", "--no-install-recommends", *missing]
        subprocess.run(["apt-get", "-qq", "update"], check=True)
        subprocess.run(install, check=True, stdout=subprocess.DEVNULL)


def unpack_package(package: str, folder: Path) -> None:
    """Fetch a package, and unpack it into `folder`, which is there afterwards or not at all; raises CalledProcessError."""
    fetched = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(fetched, ignore_errors=True)
    fetched.mkdir(parents=True)
    download = ["apt-get", "-qq", "download", package]
    if subprocess.run(download, cwd=fetched, check=False).returncode:  # the lists may be absent, or old
        subprocess.run(["apt-get", "-qq", "update"], check=True)
        subprocess.run(download, cwd=fetched, check=True)
    archive = next(fetched.glob("*.deb"))
    subprocess.run(["dpkg-deb", "-x", str(archive), str(fetched)], check=True)
    archive.unlink()
    fetched.replace(folder)
