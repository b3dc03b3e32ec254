"""A candidate is judged as it runs: its own tokens go into its own action."""

from collections.abc import Callable

import numpy as np

from export.gates.end_to_end import EnginePair, measure
from interfaces.bundle_manifest import GraphSpec, TensorSpec
from interfaces.engine import Tensors

FORESIGHT = GraphSpec(
    inputs=(TensorSpec(name="front", shape=(2, 2, 3), dtype="uint8"),),
    outputs=(TensorSpec(name="tokens", shape=(1, 3), dtype="float32"),),
)
ACTION = GraphSpec(
    inputs=(
        TensorSpec(name="tokens", shape=(1, 3), dtype="float32"),
        TensorSpec(name="joints", shape=(2,), dtype="float32"),
    ),
    outputs=(TensorSpec(name="positions", shape=(2, 2), dtype="float32"),),
)
N_SAMPLES = 12


class Worked:
    """An engine that is a formula, and overwrites its output as real ones do."""

    def __init__(self, spec: GraphSpec, formula: Callable[[Tensors], object]) -> None:
        self.spec, self._formula = spec, formula
        self._output = np.zeros(spec.outputs[0].shape, np.float32)

    def run(self, inputs: Tensors) -> Tensors:
        """Return the formula's value."""
        assert set(inputs) == {tensor.name for tensor in self.spec.inputs}
        self._output[:] = np.asarray(self._formula(inputs), np.float32)
        return {self.spec.outputs[0].name: self._output}


def pair(gain: float) -> EnginePair:
    """Return a policy whose tokens are off by a gain."""
    foresight = Worked(FORESIGHT, lambda inputs: gain * inputs["front"].reshape(-1, 3).mean(0) / 255)
    action = Worked(ACTION, lambda inputs: inputs["joints"] + inputs["tokens"][0, :2])
    return EnginePair(foresight, action)


def samples() -> dict[str, np.ndarray]:
    generator = np.random.default_rng(1)
    return {
        "front": generator.integers(0, 256, (N_SAMPLES, 2, 2, 3), np.uint8),
        "joints": generator.uniform(-1, 1, (N_SAMPLES, 2)).astype(np.float32),
    }


def test_the_candidates_own_tokens_reach_its_action() -> None:
    told: list[int] = []
    found = measure(
        pair(1.0), pair(1.5), samples(), ("a", "b"), lambda done, total, _text: told.append(done * 100 + total)
    )
    tokens = samples()["front"].reshape(N_SAMPLES, -1, 3).mean(1)[:, :2] / 255
    assert np.isclose(found.action_max_abs_rad.value, 0.5 * tokens.max(), rtol=1e-5)
    frame, joint = divmod(int(tokens.argmax()), 2)
    assert found.action_max_abs_rad.where == f"frame {frame}, joint {'ab'[joint]}"
    assert found.foresight_cosine.value > 0.999999  # a gain turns no token
    assert told == [100 * done + N_SAMPLES for done in range(1, N_SAMPLES + 1)]


def test_engines_that_share_a_buffer_with_themselves_are_compared_rightly() -> None:
    same = pair(1.0)
    assert measure(same, same, samples(), ("a", "b")).action_error.value == 0.0
