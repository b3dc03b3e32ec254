"""ONNX -> TensorRT engine: one code path for TensorRT 10.3, 10.16 and 11.4, and for TensorRT-RTX, which stands in where there is no GPU.

Networks are strongly typed: the graph alone says what is computed in which type. Nothing that TensorRT 11 removed is used (precision
flags, calibrators, obey/prefer constraints): https://docs.nvidia.com/deeplearning/tensorrt/latest/api/migration/tensorrt-10x-to-11x-python-api-reference.html
"""

from __future__ import annotations

import contextlib
import warnings
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from export.engines.builder_voice import Phases, Said, make_logger, make_monitor
from interfaces.bundle_manifest import GraphSpec, TensorSpec
from interfaces.engine_record import BuildSettings
from interfaces.errors import BundleError, DeviceError
from interfaces.progress import Progress

_DTYPES = {
    "FLOAT": "float32", "HALF": "float16", "BF16": "bfloat16", "UINT8": "uint8", "INT8": "int8", "INT32": "int32",
    "INT64": "int64", "BOOL": "bool",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class BuildRequest:
    """One engine to build."""

    name: str  # for messages
    graph: Path
    external: bool  # weights lie in a file beside it
    spec: GraphSpec  # the tensors it must have
    settings: BuildSettings
    timing: bytes = b""  # what earlier builds of this TensorRT on this board learnt
    capability: str = ""  # of TensorRT-RTX, which builds for a board that is not there: SM86


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """An engine, and what was said about it."""

    plan: bytes
    timing: bytes  # to be kept for the next build; empty where this TensorRT has none
    warnings: tuple[str, ...]
    weights_bytes: int  # as stored in the engine: a quarter of FP32 where all are INT8
    layers: int  # of the network as parsed


def build_engine(trt: Any, request: BuildRequest, progress: Progress) -> Built:
    """Return the engine of a graph, built by the module `trt` (`tensorrt`, or `tensorrt_rtx_bindings`).

    Raises BundleError with every message of the parser where it refuses the graph, or where the graph's tensors are not those of the
    request; DeviceError where there is no GPU, or TensorRT cannot build it.
    """
    said = Said()
    logger = make_logger(trt, said)
    builder = _made(request, said, "no builder", lambda: trt.Builder(logger))
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    _parse(parser, request, said)
    check_network(network, request)
    config = builder.create_builder_config()
    _configure(trt, config, request.settings)
    _aim(trt, config, request.capability)
    monitor = make_monitor(trt, Phases(progress))  # must outlive the build
    config.progress_monitor = monitor
    with _no_deprecations():
        usable = any(_use_timing(config, timing) for timing in (request.timing, b""))
        memory = builder.build_serialized_network(network, config)
        timing = _serialised(config.get_timing_cache()) if usable else b""
    if memory is None:
        raise DeviceError(f"{request.name}: TensorRT {trt.__version__} could not build it: {_told(said.errors)}")
    return Built(
        plan=bytes(memory),
        timing=timing,
        warnings=tuple(said.warnings),
        weights_bytes=said.weights_bytes,
        layers=int(network.num_layers),
    )


def check_network(network: Any, request: BuildRequest) -> None:
    """Refuse a parsed network whose tensors are not those of the request; raises BundleError naming the first that differs."""
    found = {
        "input": [network.get_input(index) for index in range(network.num_inputs)],
        "output": [network.get_output(index) for index in range(network.num_outputs)],
    }
    for kind, wanted in (("input", request.spec.inputs), ("output", request.spec.outputs)):
        has = {tensor.name: _spec_of(tensor) for tensor in found[kind]}
        for tensor in wanted:
            given = has.pop(tensor.name, None)
            if given != tensor:
                shown = "missing" if given is None else f"{given.dtype} {given.shape}"
                raise BundleError(
                    f"{request.name}: {kind} {tensor.name} is {shown}; the manifest says {tensor.dtype} {tensor.shape}"
                )
        if has:
            raise BundleError(f"{request.name}: {kind} {', '.join(sorted(has))} is not in the manifest")


def _made(request: BuildRequest, said: Said, what: str, make: Any) -> Any:
    """Return what TensorRT makes; its bindings raise TypeError where its library made nothing."""
    try:
        return make()
    except TypeError as error:
        raise DeviceError(f"{request.name}: TensorRT made {what}: {_told(said.errors) or error}") from error


def _parse(parser: Any, request: BuildRequest, said: Said) -> None:
    if request.external:
        good = parser.parse_from_file(str(request.graph))  # finds the weights by the graph's place
    else:
        try:
            data = request.graph.read_bytes()
        except OSError as error:
            raise BundleError(f"{request.graph}: {error.strerror}") from error
        good = parser.parse(data)
    if not good:
        errors = [str(parser.get_error(index)) for index in range(parser.num_errors)]
        raise BundleError(f"{request.name}: TensorRT does not accept the graph: {_told(errors or said.errors)}")


def _configure(trt: Any, config: Any, settings: BuildSettings) -> None:
    # A board of 8 GB shares them with everything else: without a limit, a tactic may take them all.
    config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, settings.memory_mb * 2**20)
    config.builder_optimization_level = settings.optimisation_level
    config.profiling_verbosity = (
        trt.ProfilingVerbosity.DETAILED
    )  # so that a report can say which layer runs in which type
    # Streams that TensorRT adds by itself would not have the priority of ours: action above foresight.
    config.max_aux_streams = 0


def _aim(trt: Any, config: Any, capability: str) -> None:
    """Let TensorRT-RTX build for a board that is not there; TensorRT itself builds for the one it stands on."""
    if capability:
        config.num_compute_capabilities = 1
        config.set_compute_capability(getattr(trt.ComputeCapability, capability), 0)


@contextlib.contextmanager
def _no_deprecations() -> Generator[None, None, None]:
    """TensorRT-RTX has the names of the timing cache, and says at each that they do nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        yield


def _use_timing(config: Any, timing: bytes) -> bool:
    """Let the build use what earlier ones learnt; return whether TensorRT takes it: of its own version and board only."""
    cache = config.create_timing_cache(timing)
    return cache is not None and bool(config.set_timing_cache(cache, False))  # noqa: FBT003 - pybind: ignore_mismatch


def _serialised(cache: Any) -> bytes:
    memory = None if cache is None else cache.serialize()
    return b"" if memory is None else bytes(memory)


def _spec_of(tensor: Any) -> TensorSpec:
    return TensorSpec(
        name=tensor.name, shape=tuple(int(side) for side in tensor.shape), dtype=_DTYPES.get(tensor.dtype.name, "?")
    )


def _told(errors: list[str]) -> str:
    return "; ".join(" ".join(error.split()) for error in errors)
