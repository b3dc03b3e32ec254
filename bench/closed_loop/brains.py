"""Who makes the chunks in lockstep: the policy of a bundle, or the scripted expert as the upper bound."""

from __future__ import annotations

import itertools

from bench.closed_loop.lockstep import Brain
from interfaces.messages import ActionChunk, Foresight, JointState
from interfaces.robot_config import PolicyConfig
from runtime.policy.action_stage import ActionStage
from runtime.policy.bundle import LoadedBundle
from runtime.policy.foresight_stage import ForesightStage
from sim.expert.chunk import expert_chunk
from sim.world import Observation, World

_STEP_NS = 50_000_000  # between the rows of the expert's chunks
_HORIZON = 8  # rows; the next chunk comes long before they end


def policy_brain(bundle: LoadedBundle, policy: PolicyConfig, seed: int = 0) -> Brain:
    """Return the stages of the policy process; `seed` is that of the action's noise."""
    stage, camera = ActionStage(bundle, policy, seed=seed), bundle.cameras[0]

    def act(foresight: Foresight | None, joints: JointState, task: str, t_now_ns: int) -> ActionChunk | None:
        return None if foresight is None else stage.act(foresight, joints, task, t_now_ns)

    return Brain(
        foresee=ForesightStage(bundle).foresee,
        act=act,
        n_history=camera.n_history,
        history_step_ms=camera.history_step_ms,
    )


def expert_brain(world: World) -> Brain:
    """Return the expert, who reads objects from the physics and joints from the bus."""
    sequence = itertools.count(1)

    def act(_foresight: Foresight | None, joints: JointState, task: str, _t_now_ns: int) -> ActionChunk | None:
        seen = Observation(joints_rad=joints.position_rad, object_state=world.state.object_state)
        return ActionChunk(
            sequence=next(sequence),
            t_capture_ns=0,
            t_state_ns=joints.t_measured_ns,
            t_first_ns=joints.t_measured_ns + _STEP_NS,
            step_ns=_STEP_NS,
            foresight_age_ns=-1,
            position_rad=expert_chunk(task, seen, 1 + _HORIZON, _STEP_NS * 1e-9)[1:],  # its first row is the present
        )

    return Brain(foresee=None, act=act)
