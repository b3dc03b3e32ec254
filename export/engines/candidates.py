"""The ladder of candidates: in which forms a graph is offered to TensorRT, and from which file of the bundle each is made."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from interfaces.bundle_artefact import Artefact, GraphFile, Precision
from interfaces.bundle_manifest import BundleManifest
from interfaces.engine_record import EnginePrecision
from interfaces.errors import BundleError
from interfaces.graph_contract import files_of

if TYPE_CHECKING:
    from onnx import ModelProto

    from export.engines.variants import Quantised

Form = Literal["as it is", "in fp32", "conv", "linear"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One way to compute a graph."""

    name: str
    told: str  # for people
    artefact: Precision  # that it is made from
    precision: EnginePrecision  # whose gates it must pass


INT8 = Candidate("int8-fp16", "INT8, the rest in FP16", "trt-int8", "int8")
INT8_FP32 = Candidate("int8-fp32", "INT8, the rest in FP32", "trt-int8", "int8")
INT8_CONV = Candidate("int8-conv", "INT8 in convolutions alone", "trt-int8", "int8")
INT8_LINEAR = Candidate("int8-linear", "INT8 in linear layers alone", "trt-int8", "int8")
FP16 = Candidate("fp16", "FP16", "fp16", "fp16")
FP32 = Candidate("fp32", "FP32, where nothing else passes", "fp32", "fp32")

CANDIDATES = (INT8, INT8_FP32, INT8_CONV, INT8_LINEAR, FP16, FP32)  # FP32 last, and tried only when all others failed
NAMES = tuple(candidate.name for candidate in CANDIDATES)
_FROM_FP16: Precision = "fp16"


@dataclass(frozen=True, slots=True)
class Source:
    """A graph ready to be built."""

    path: Path
    external: bool  # its weights lie in a file beside it


@dataclass(frozen=True, slots=True)
class Left:
    """Why a candidate is not tried."""

    why: str


@dataclass(frozen=True, slots=True)
class BundleSource:
    """A bundle whose files are verified."""

    folder: Path
    manifest: BundleManifest

    def artefact(self, precision: Precision) -> Artefact | None:
        """Return that artefact, where there is one and it is ready."""
        return next((one for one in self.manifest.artefacts if one.precision == precision and one.ready), None)

    def limit_source(self, candidate: Candidate) -> Artefact | None:
        """Return the artefact that a candidate is made from, whose limits hold for it."""
        made_from = self.artefact(candidate.artefact)
        return self.artefact(_FROM_FP16) if made_from is None and candidate == FP32 else made_from


def prepare(candidate: Candidate, bundle: BundleSource, graph: str, folder: Path) -> Source | Left:
    """Return the graph of a candidate, derived into `folder` where the bundle does not carry it; or why it is not tried.

    Raises BundleError where a graph of the bundle cannot be read, OSError.
    """
    artefact = bundle.limit_source(candidate)
    if artefact is None:
        return Left(f"the bundle has no {candidate.artefact} artefact that is ready")
    file = files_of(artefact)[graph]
    if candidate == FP16:
        return _as_it_is(bundle, file)
    try:
        from export.engines import variants
        from export.quantise.graph_files import read_graph
    except ImportError as error:
        shipped = candidate == INT8 or artefact.precision == FP32.artefact
        return _as_it_is(bundle, file) if shipped else Left(f"deriving it needs the package onnx: {error}")
    model = read_graph(bundle.folder / file.file)
    form = "in fp32" if candidate == FP32 else _form(candidate, variants.quantised(model))
    if isinstance(form, Left):
        return form
    if form == "as it is":
        return _as_it_is(bundle, file)
    return _derived(model, form, folder / f"{graph}.{candidate.name}.onnx")


def chosen(names: tuple[str, ...]) -> tuple[Candidate, ...]:
    """Return the candidates of these names, in the ladder's order; raises BundleError for a name that is none."""
    unknown = sorted(set(names) - set(NAMES))
    if unknown:
        raise BundleError(f"there is no candidate {', '.join(unknown)}; there are {', '.join(NAMES)}")
    return tuple(candidate for candidate in CANDIDATES if candidate.name in names)


def _form(candidate: Candidate, found: Quantised) -> Form | Left:
    """Return how a candidate is made from a quantised graph; one that would equal another is left."""
    if not found.convs + found.linears:
        return Left("nothing in it is quantised: the same as fp16")
    as_shipped = INT8.name if found.half_scales else INT8_FP32.name
    if candidate == INT8:
        return "as it is" if found.half_scales else Left("the scales in the bundle are FP32")
    if candidate == INT8_FP32:
        return "in fp32" if found.half_scales else "as it is"
    kind: Form = "conv" if candidate == INT8_CONV else "linear"
    of_kind, others = (found.convs, found.linears) if kind == "conv" else (found.linears, found.convs)
    if not of_kind:
        return Left(f"no {'convolution' if kind == 'conv' else 'linear layer'} in it is quantised")
    return kind if others else Left(f"nothing else in it is quantised: the same as {as_shipped}")


def _as_it_is(bundle: BundleSource, file: GraphFile) -> Source:
    return Source(bundle.folder / file.file, external=file.weights is not None)


def _derived(model: ModelProto, form: Form, path: Path) -> Source:
    from export.engines import variants
    from export.quantise.cast_first import cast_first
    from export.quantise.graph_files import write_graph

    if form == "in fp32":
        variants.in_fp32(model)
        cast_first(
            model
        )  # the fp32 artefact is laid out for a processor, which moves pictures as bytes; TensorRT does not
    else:
        variants.only(model, "conv" if form == "conv" else "linear")
    return Source(path, external=write_graph(model, path) is not None)
