"""What we call is what NVIDIA's header declares: names, numbers and sizes of arguments; and the fake driver is a driver to the compiler."""

import ctypes
import re
import subprocess
from pathlib import Path

import pytest

from runtime.tensorrt.driver_api import SIGNATURES
from tests.runtime.tensorrt.fake_driver import build_driver
from tests.runtime.tensorrt.nvidia_headers import PACKAGES, headers_of

pytestmark = pytest.mark.slow  # downloads

CONSTANTS = {  # ours, in runtime/tensorrt/streams.py and probe.py
    "CU_STREAM_NON_BLOCKING": 1,
    "CU_EVENT_BLOCKING_SYNC": 1,
    "CU_EVENT_DISABLE_TIMING": 2,
    "CU_STREAM_CAPTURE_MODE_THREAD_LOCAL": 1,
    "CU_DEVICE_ATTRIBUTE_INTEGRATED": 18,
    "CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR": 75,
    "CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR": 76,
    "CU_MEMHOSTALLOC_PORTABLE": 1,
    "CU_MEMHOSTALLOC_DEVICEMAP": 2,
    "CUDA_ERROR_UNKNOWN": 999,
}


@pytest.fixture(scope="module", params=PACKAGES)
def headers(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of cuda.h."""
    return headers_of(request.param, tmp_path_factory.mktemp("headers"))


def test_the_fake_driver_has_the_signatures_of_the_header(headers: Path, tmp_path: Path) -> None:
    options = ("-DWITH_CUDA_H", f"-I{headers}", "-Wno-enum-compare")
    assert build_driver(tmp_path / "libcuda.so.1", *options).exists()  # conflicting types would not compile


def test_our_calls_have_the_signatures_of_the_header(headers: Path, tmp_path: Path) -> None:
    text = (headers / "cuda.h").read_text()
    lines = [f'printf("{name} %lld\\n", (long long)({name}));' for name in CONSTANTS]
    for symbol in SIGNATURES:
        for i, declared in enumerate(_parameters(text, symbol)):
            lines.append(f'printf("{symbol}/{i} %zu\\n", sizeof({declared}));')
    source = tmp_path / "sizes.c"
    source.write_text("#include <stdio.h>\n#include <cuda.h>\nint main(void) {\n" + "\n".join(lines) + "\n}\n")
    subprocess.run(["gcc", f"-I{headers}", "-o", str(tmp_path / "sizes"), str(source)], check=True)
    printed = subprocess.run([str(tmp_path / "sizes")], check=True, capture_output=True, text=True).stdout
    sizes = {name: int(value) for name, value in (line.split() for line in printed.splitlines())}
    ours = {
        f"{symbol}/{i}": ctypes.sizeof(kind) for symbol, kinds in SIGNATURES.items() for i, kind in enumerate(kinds)
    }
    assert sizes == {**CONSTANTS, **ours}


def _parameters(header: str, symbol: str) -> list[str]:
    """Return the types of a function's parameters; the header declares it under the name that its macros map to `symbol`."""
    mapped = re.findall(rf"#define (cu\w+)\s+(?:__CUDA_API_PTSZ\()?{symbol}\)?\s*$", header, re.MULTILINE)
    name = mapped[0] if mapped else symbol
    found = re.search(rf"^CUresult CUDAAPI {name}\(([^)]*)\);", header, re.MULTILINE)
    assert found, f"{symbol} is not declared"
    return [re.sub(r"\w+$", "", parameter.strip()) for parameter in found[1].split(",")]
