"""The true pycuda, built from its source against NVIDIA's header and put on the fake driver: what the stand-in for it cannot prove."""

import faulthandler
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from pathlib import Path

import pytest

from tests.runtime.tensorrt.fake_driver import SOURCES, build_driver
from tests.runtime.tensorrt.nvidia_headers import download, headers_of

pytestmark = pytest.mark.slow  # downloads, and compiles for minutes

ROOT = Path(__file__).parents[3]
PYCUDA = "pycuda==2026.1"
COMPILE_S = 1800.0


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """A process environment in which pycuda and its driver are found."""
    folder = tmp_path_factory.mktemp("pycuda")
    driver, site = folder / "driver", folder / "site"
    driver.mkdir()
    build_driver(driver / "libcuda.so.1", "-Wl,-soname,libcuda.so.1")
    (driver / "libcuda.so").symlink_to("libcuda.so.1")
    source = _source(folder, headers_of("12.6", folder), driver)
    flags = {"CFLAGS": "-O0 -w"}  # compiled to be tried, not to be fast
    faulthandler.cancel_dump_traceback_later()  # pytest's limit for one test: the compiler alone takes minutes
    install = [sys.executable, "-m", "pip", "install", "-q", "--target", str(site), str(source)]
    subprocess.run(install, check=True, env={**os.environ, **flags}, timeout=COMPILE_S)
    _complete(driver, site)
    return {**os.environ, "LD_LIBRARY_PATH": str(driver), "PYTHONPATH": f"{site}:{ROOT}"}


def _source(folder: Path, headers: Path, driver: Path) -> Path:
    with tarfile.open(download(PYCUDA, folder / "sdist", "--no-binary=pycuda")) as archive:
        archive.extractall(folder / "source", filter="data")
    (source,) = (folder / "source").iterdir()
    settings = {
        "CUDA_ROOT": str(headers.parent),
        "CUDA_INC_DIR": [str(headers), str(SOURCES)],
        "CUDA_ENABLE_CURAND": False,
        "CUDADRV_LIB_DIR": [str(driver)],
        "CUDADRV_LIBNAME": ["cuda"],
        "CUDART_LIB_DIR": list[str](),
        "CUDART_LIBNAME": list[str](),
    }
    (source / "siteconf.py").write_text("\n".join(f"{name} = {value!r}" for name, value in settings.items()) + "\n")
    return source


def _complete(driver: Path, site: Path) -> None:
    """Give the fake driver the functions that pycuda wants to find and we never call: each returns CUDA_ERROR_NOT_SUPPORTED."""
    extension = site / "pycuda" / f"_driver{sysconfig.get_config_var('EXT_SUFFIX')}"
    wanted, has = _symbols(extension, "--undefined-only"), _symbols(driver / "libcuda.so.1", "--defined-only")
    rest = driver / "rest.c"
    rest.write_text("".join(f"int {name}(void) {{ return 801; }}\n" for name in sorted(wanted - has)))
    build_driver(driver / "libcuda.so.1", "-Wl,-soname,libcuda.so.1", str(rest))


def _symbols(library: Path, which: str) -> set[str]:
    listed = subprocess.run(["nm", "-D", which, str(library)], check=True, capture_output=True, text=True).stdout
    return set(re.findall(r"\b(cu[A-Z]\w*)$", listed, re.MULTILINE))


def trial(environment: dict[str, str], case: str) -> subprocess.CompletedProcess[str]:
    """Run one case in a process of its own."""
    assert shutil.which("nm")
    command = [sys.executable, "-m", "tests.runtime.tensorrt.pycuda_trial", case]
    return subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)


@pytest.mark.parametrize("case", ["runs", "drops", "fills", "stays", "faults"])
def test_it_works_and_the_process_ends_well(environment: dict[str, str], case: str) -> None:
    ended = trial(environment, case)
    assert (ended.returncode, ended.stdout) == (0, "well\n"), ended.stderr
    assert "PyCUDA" not in ended.stderr


def test_a_context_left_on_pycudas_stack_ends_the_process(environment: dict[str, str]) -> None:
    # Why runtime/tensorrt pushes around every use, and not once a thread.
    ended = trial(environment, "careless")
    assert ended.returncode == -6
    assert "The context stack was not empty" in ended.stderr
