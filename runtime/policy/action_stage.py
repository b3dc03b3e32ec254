"""The fast stage: the newest foresight and joint state become an action chunk. Pure: no clock, no thread, no device."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from typing import Literal

import numpy as np

from interfaces.engine import Tensors
from interfaces.graph_contract import FORESIGHT_AGE, JOINTS, NOISE, POSITIONS, PREFIX, PREFIX_ROWS, TOKENS
from interfaces.messages import ActionChunk, Foresight, JointState, JointVector
from interfaces.robot_config import PolicyConfig
from runtime.policy.bundle import LoadedBundle
from runtime.policy.committed_prefix import committed_prefix
from runtime.policy.latency_estimate import LatencyEstimate

Refusal = Literal["foresight too old", "foresight of another instruction", "not finite"]


class ActionStage:
    """Runs the action graph of a bundle; `refusals` counts the chunks that were not made, by reason."""

    def __init__(
        self, bundle: LoadedBundle, policy: PolicyConfig, *, seed: int = 0, sequence: Iterator[int] | None = None
    ) -> None:
        """`sequence` numbers the chunks; makers of chunks that take turns share one."""
        chunk = bundle.manifest.chunk
        self.refusals: Counter[Refusal] = Counter()
        self._engine = bundle.action
        self._age_max_ns = round(policy.foresight_age_max_ms * 1e6)
        self._first_ns, self._step_ns = round(chunk.first_ms * 1e6), round(chunk.step_ms * 1e6)
        self._rows_ns = self._first_ns + self._step_ns * np.arange(chunk.horizon)  # after the joint state
        self._noise_shape = (chunk.horizon, len(bundle.manifest.joints))
        self._takes_prefix = any(tensor.name == PREFIX for tensor in bundle.manifest.action.inputs)
        self._actuation_ns = round(policy.actuation_latency_ms * 1e6)
        self._chunk_age_max_ns = round(policy.chunk_age_max_ms * 1e6)
        self.latency = LatencyEstimate()  # of this stage; told by who measures real time
        self._generator = np.random.default_rng(seed)  # seeded: the same inputs give the same chunks again
        self._sequence = sequence or itertools.count(1)
        self.noise = np.zeros(self._noise_shape, np.float32)  # of the last run, for the record ...
        self.joints_rad: JointVector = np.zeros(len(bundle.manifest.joints))  # ... as are these
        self.forget()

    def forget(self) -> None:
        """Commit to nothing of the last chunk: the arm does not follow it."""
        self._previous: tuple[str, ActionChunk] | None = None

    def act(self, foresight: Foresight, joints: JointState, instruction: str, t_now_ns: int) -> ActionChunk | None:
        """Return the chunk for `joints`, row k due at the joint state's instant + first + k * step.

        None, counted in `refusals`, when the foresight is too old at `t_now_ns` or from another instruction than the one
        followed, or anything is not finite: no chunk is better than a wrong one, the command process then holds.
        """
        refusal = self._refusal(foresight, instruction, t_now_ns)
        if refusal is not None:
            self.refusals[refusal] += 1
            return None
        age_ns = max(0, joints.t_measured_ns - foresight.t_capture_ns)
        self.joints_rad = joints.position_rad
        self.noise = self._generator.standard_normal(self._noise_shape, np.float32)
        outputs = self._engine.run(
            {
                TOKENS: foresight.tokens,
                JOINTS: joints.position_rad.astype(np.float32),
                FORESIGHT_AGE: np.array(age_ns * 1e-9, np.float32),
                NOISE: self.noise,
                **self._prefix(joints, instruction, t_now_ns),
            }
        )
        positions = outputs[POSITIONS]
        if not np.isfinite(positions).all():
            self.refusals["not finite"] += 1
            return None
        chunk = ActionChunk(
            sequence=next(self._sequence),
            t_capture_ns=foresight.t_capture_ns,
            t_state_ns=joints.t_measured_ns,
            t_first_ns=joints.t_measured_ns + self._first_ns,
            step_ns=self._step_ns,
            foresight_age_ns=age_ns,
            position_rad=positions.astype(np.float64),
        )
        self._previous = (instruction, chunk)
        return chunk

    def _prefix(self, joints: JointState, instruction: str, t_now_ns: int) -> Tensors:
        """Return the inputs that a bundle of training-time real-time chunking has; none for others."""
        if not self._takes_prefix:
            return {}
        previous = None
        if self._previous is not None and self._previous[0] == instruction:
            previous = self._previous[1]
        if previous is not None and t_now_ns - previous.t_state_ns > self._chunk_age_max_ns:
            previous = None  # the command process holds by now
        # The command process takes rows by so much ahead as the arm is slow.
        t_committed_ns = t_now_ns + self.latency.long_ns + self._actuation_ns
        prefix = committed_prefix(previous, joints.t_measured_ns + self._rows_ns, t_committed_ns, joints.position_rad)
        return {PREFIX: prefix.position_rad, PREFIX_ROWS: np.array(prefix.n_rows, np.float32)}

    def _refusal(self, foresight: Foresight, instruction: str, t_now_ns: int) -> Refusal | None:
        if foresight.instruction != instruction:
            return "foresight of another instruction"
        if t_now_ns - foresight.t_capture_ns > self._age_max_ns:
            return "foresight too old"
        if not np.isfinite(foresight.tokens).all():  # a network may turn NaN into something that looks like a pose
            return "not finite"
        return None
