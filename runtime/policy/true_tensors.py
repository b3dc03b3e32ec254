"""The tensors that a file really has, held against those that its bundle's manifest states."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from interfaces.bundle_manifest import TensorSpec
from interfaces.errors import BundleError


def require_tensors(
    what: str, holder: str, has: Mapping[str, tuple[str, tuple[int, ...]]], wanted: Sequence[TensorSpec]
) -> None:
    """Refuse a file whose tensors (name -> element type, shape) differ; raises BundleError naming the first that does.

    `what` is "foresight input" or the like, `holder` what has them: "graph", "plan".
    """
    for tensor in wanted:
        if tensor.name not in has:
            raise BundleError(f"{what} {tensor.name} is not in the {holder}, which has {', '.join(has) or 'none'}")
        if has[tensor.name] != (tensor.dtype, tensor.shape):
            dtype, shape = has[tensor.name]
            raise BundleError(
                f"{what} {tensor.name} is {dtype} {shape}; the manifest says {tensor.dtype} {tensor.shape}"
            )
    unknown = has.keys() - {tensor.name for tensor in wanted}
    if unknown:
        raise BundleError(f"{what} {', '.join(sorted(unknown))} is in the {holder} but not in the manifest")
