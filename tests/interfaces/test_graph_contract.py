"""The contract of the two graphs: any tensor that differs is named, with what it is and what it must be."""

from dataclasses import replace
from pathlib import Path

import pytest

from interfaces.bundle_manifest import BundleManifest, TensorSpec, load_manifest
from interfaces.errors import BundleError
from interfaces.graph_contract import check_contract, parity_key

TINY = Path(__file__).parents[1] / "data/tiny_bundle"


@pytest.fixture
def manifest() -> BundleManifest:
    """A manifest that keeps the contract."""
    return load_manifest(TINY)


def tensor(name: str, *shape: int, dtype: str = "float32") -> TensorSpec:
    """Make a tensor."""
    return TensorSpec(name=name, shape=shape, dtype=dtype)


def swap(tensors: tuple[TensorSpec, ...], new: TensorSpec) -> tuple[TensorSpec, ...]:
    """Replace the tensor of the same name."""
    return tuple(new if old.name == new.name else old for old in tensors)


def test_a_bundle_that_keeps_it_passes_in_any_order(manifest: BundleManifest) -> None:
    check_contract(manifest)
    check_contract(replace(manifest, action=replace(manifest.action, inputs=manifest.action.inputs[::-1])))


@pytest.mark.parametrize(
    ("graph", "side", "wrong", "complaint"),
    [
        ("foresight", "inputs", tensor("front", 3, 240, 424, dtype="uint8"), r"front is uint8 \(3, 240, 424\)"),
        ("foresight", "inputs", tensor("front", 240, 424, 3), r"the contract says uint8 \(240, 424, 3\)"),
        ("foresight", "inputs", tensor("instruction", 5), r"the contract says float32 \(4,\)"),
        ("foresight", "outputs", tensor("tokens", 8), "gives no tokens"),
        ("foresight", "outputs", tensor("tokens", 2, 4, dtype="float16"), "tokens is float16"),
        ("action", "inputs", tensor("tokens", 4, 2), r"tokens is float32 \(4, 2\); the contract says float32 \(2, 4\)"),
        ("action", "inputs", tensor("joints", 7), r"the contract says float32 \(6,\)"),
        ("action", "inputs", tensor("foresight_age", 1), r"the contract says float32 \(\)"),
        ("action", "inputs", tensor("noise", 16, 7), r"the contract says float32 \(16, 6\)"),
        ("action", "outputs", tensor("positions", 6, 16), r"the contract says float32 \(16, 6\)"),
    ],
)
def test_a_tensor_that_differs_is_named(
    manifest: BundleManifest, graph: str, side: str, wrong: TensorSpec, complaint: str
) -> None:
    spec = getattr(manifest, graph)
    spoilt = replace(manifest, **{graph: replace(spec, **{side: swap(getattr(spec, side), wrong)})})
    with pytest.raises(BundleError, match=complaint):
        check_contract(spoilt)


def test_a_tensor_too_few_or_too_many_is_named(manifest: BundleManifest) -> None:
    few = replace(manifest, action=replace(manifest.action, inputs=manifest.action.inputs[:1]))
    with pytest.raises(BundleError, match=r"bundle tiny: action input joints is missing"):
        check_contract(few)
    many = replace(manifest, action=replace(manifest.action, inputs=(*manifest.action.inputs, tensor("weather", 1))))
    with pytest.raises(BundleError, match="action input weather is not in the contract"):
        check_contract(many)


def test_a_graph_without_a_use_for_instruction_age_or_noise_leaves_it_out(manifest: BundleManifest) -> None:
    foresight = replace(manifest.foresight, inputs=manifest.foresight.inputs[:1])
    action = replace(manifest.action, inputs=manifest.action.inputs[:2])
    check_contract(replace(manifest, foresight=foresight, action=action))


PAIR = (tensor("prefix", 16, 6), tensor("prefix_rows"))


def with_inputs(manifest: BundleManifest, *more: TensorSpec) -> BundleManifest:
    """Give the action graph more inputs."""
    return replace(manifest, action=replace(manifest.action, inputs=(*manifest.action.inputs, *more)))


def test_an_action_graph_may_take_a_committed_prefix(manifest: BundleManifest) -> None:
    check_contract(with_inputs(manifest, *PAIR))


@pytest.mark.parametrize(
    ("inputs", "complaint"),
    [
        (PAIR[:1], r"action input prefix_rows is missing; the contract says float32 \(\)"),
        (PAIR[1:], r"action input prefix is missing; the contract says float32 \(16, 6\)"),
        ((PAIR[0], tensor("prefix_rows", 1)), r"prefix_rows is float32 \(1,\)"),
        ((tensor("prefix", 6, 16), PAIR[1]), r"prefix is float32 \(6, 16\)"),
        ((PAIR[0], tensor("prefix_rows", dtype="int64")), r"prefix_rows is int64 \(\)"),
    ],
)
def test_half_of_the_prefix_or_another_shape_is_named(
    manifest: BundleManifest, inputs: tuple[TensorSpec, ...], complaint: str
) -> None:
    with pytest.raises(BundleError, match=complaint):
        check_contract(with_inputs(manifest, *inputs))


def test_parity_keys() -> None:
    assert parity_key("action", "noise") == "action/noise"


def test_a_camera_that_looks_back_has_an_axis_of_pictures(manifest: BundleManifest) -> None:
    back = replace(manifest, cameras=(replace(manifest.cameras[0], n_history=4),))
    with pytest.raises(
        BundleError, match=r"front is uint8 \(240, 424, 3\); the contract says uint8 \(4, 240, 424, 3\)"
    ):
        check_contract(back)
    inputs = swap(manifest.foresight.inputs, tensor("front", 4, 240, 424, 3, dtype="uint8"))
    check_contract(replace(back, foresight=replace(manifest.foresight, inputs=inputs)))
    one = replace(manifest, foresight=replace(manifest.foresight, inputs=inputs))
    with pytest.raises(BundleError, match=r"the contract says uint8 \(240, 424, 3\)"):
        check_contract(one)
