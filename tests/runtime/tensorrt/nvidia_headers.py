"""NVIDIA's own headers from the package registry, for the slow tests that hold us and the fake driver against them."""

import subprocess
import sys
import zipfile
from pathlib import Path

# JetPack 6.2 has CUDA 12.6, JetPack 7.2 has 13.2.
PACKAGES = {"12.6": "nvidia-cuda-runtime-cu12==12.6.77", "13": "nvidia-cuda-runtime==13.0.96"}
PLATFORM = "manylinux2014_x86_64"  # the headers are the same on every one


def download(package: str, into: Path, *options: str) -> Path:
    """Return the file of a package."""
    into.mkdir()
    command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", *options, "-d", str(into), package]
    subprocess.run(command, check=True)
    (found,) = into.iterdir()
    return found


def headers_of(cuda: str, folder: Path) -> Path:
    """Return the folder of cuda.h of a CUDA version."""
    options = (f"--platform={PLATFORM}", "--platform=manylinux_2_17_x86_64", "--only-binary=:all:")
    with zipfile.ZipFile(download(PACKAGES[cuda], folder / f"wheel-{cuda}", *options)) as wheel:
        wheel.extractall(folder / cuda)
    (header,) = (folder / cuda).rglob("cuda.h")
    return header.parent
