"""The contract of a bundle's two graphs, checked: tensor by tensor against joints, cameras, instructions and chunk of the manifest.

The contract itself is drawn in interfaces/bundle_manifest.py. The parity file holds, for each graph, every input and output under
`parity_key(graph, tensor)`, with a leading sample axis: `foresight/front`, `foresight/tokens`, `action/positions`, ...
"""

from __future__ import annotations

from interfaces.bundle_artefact import Artefact, GraphFile
from interfaces.bundle_manifest import BundleManifest, GraphSpec, TensorSpec
from interfaces.errors import BundleError

INSTRUCTION = "instruction"
TOKENS = "tokens"
JOINTS = "joints"
FORESIGHT_AGE = "foresight_age"  # seconds
NOISE = "noise"
POSITIONS = "positions"
PREFIX = "prefix"  # rad, as the positions: what the arm will be told anyway, before this chunk arrives
PREFIX_ROWS = "prefix_rows"  # how many rows of it are

MAY_BE_ABSENT = (INSTRUCTION, FORESIGHT_AGE, NOISE)  # inputs that a graph without a use for them leaves out

FORESIGHT_GRAPH = "foresight"
ACTION_GRAPH = "action"
GRAPHS = (FORESIGHT_GRAPH, ACTION_GRAPH)


def specs_of(manifest: BundleManifest) -> dict[str, GraphSpec]:
    """Return the tensors of each graph."""
    return {FORESIGHT_GRAPH: manifest.foresight, ACTION_GRAPH: manifest.action}


def files_of(artefact: Artefact) -> dict[str, GraphFile]:
    """Return the file of each graph in one precision."""
    return {FORESIGHT_GRAPH: artefact.foresight, ACTION_GRAPH: artefact.action}


def parity_key(graph: str, tensor: str) -> str:
    """Return the name under which the parity file holds a tensor of a graph, (sample, ...)."""
    return f"{graph}/{tensor}"


def check_contract(manifest: BundleManifest) -> None:
    """Refuse graphs that break the contract; raises BundleError naming the tensor, what it is and what it must be."""
    n_joints, horizon = len(manifest.joints), manifest.chunk.horizon
    tokens = next((tensor for tensor in manifest.foresight.outputs if tensor.name == TOKENS), None)
    if tokens is None or len(tokens.shape) != 2:
        raise BundleError(f"bundle {manifest.name}: the foresight graph gives no {TOKENS} (n_tokens, token_dim)")
    tokens = _float32(TOKENS, *tokens.shape)
    pictures = (TensorSpec(name=camera.name, shape=camera.shape, dtype="uint8") for camera in manifest.cameras)
    instruction = _float32(INSTRUCTION, len(manifest.instructions))
    joints, age, noise = _float32(JOINTS, n_joints), _float32(FORESIGHT_AGE), _float32(NOISE, horizon, n_joints)
    _compare(f"bundle {manifest.name}: foresight input", manifest.foresight.inputs, (*pictures, instruction))
    _compare(f"bundle {manifest.name}: foresight output", manifest.foresight.outputs, (tokens,))
    action_inputs = (tokens, joints, age, noise, *_prefix(manifest))
    _compare(f"bundle {manifest.name}: action input", manifest.action.inputs, action_inputs)
    _compare(
        f"bundle {manifest.name}: action output", manifest.action.outputs, (_float32(POSITIONS, horizon, n_joints),)
    )


def _prefix(manifest: BundleManifest) -> tuple[TensorSpec, ...]:
    """Return the two inputs of a policy that knows its committed prefix: both where the graph has either of them."""
    pair = (_float32(PREFIX, manifest.chunk.horizon, len(manifest.joints)), _float32(PREFIX_ROWS))
    names = {tensor.name for tensor in manifest.action.inputs}
    return pair if names & {PREFIX, PREFIX_ROWS} else ()


def _float32(name: str, *shape: int) -> TensorSpec:
    return TensorSpec(name=name, shape=shape, dtype="float32")


def _compare(what: str, found: tuple[TensorSpec, ...], wanted: tuple[TensorSpec, ...]) -> None:
    has = {tensor.name: tensor for tensor in found}
    for tensor in wanted:
        given = has.pop(tensor.name, None)
        if given != tensor and not (given is None and tensor.name in MAY_BE_ABSENT):
            shown = "missing" if given is None else f"{given.dtype} {given.shape}"
            raise BundleError(f"{what} {tensor.name} is {shown}; the contract says {tensor.dtype} {tensor.shape}")
    if has:
        raise BundleError(f"{what} {', '.join(has)} is not in the contract")
