"""What a slow foresight does to the action: nothing to its rate, and to the age of what it acts on just what one expects.

    python -m bench.concurrency robots/bundles/so101-small

The policy process of the robot, between a camera and a command process made up here. `alternating` is the rate that running the
two graphs one after the other would have.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.policy_rig import CommandPeer, PlainCamera, SlowForesight
from interfaces.robot_config import RobotConfig, load_robot
from runtime.policy.bundle import LoadedBundle, open_bundle
from runtime.policy.foresight_stage import ForesightStage
from runtime.policy_process import PolicyProcess, seeing_cameras

_ROBOT = Path(__file__).parents[1] / "robots" / "simulated.toml"
_SETTLED_CHUNKS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """What a policy process did in a while."""

    foresight_hz: float
    action_hz: float
    foresight_age_p50_ms: float  # behind each chunk, at its joint state
    foresight_age_max_ms: float


def measure(robot: RobotConfig, bundle: LoadedBundle, delay_s: float, duration_s: float, folder: Path) -> Rates:
    """Return what the policy process does when each foresight takes `delay_s` longer; no foresight is too old for it."""
    policy = dataclasses.replace(robot.policy, foresight_age_max_ms=1e6)
    sockets = dataclasses.replace(
        robot.runtime, command_socket=str(folder / "command.sock"), control_socket=str(folder / "control.sock")
    )
    peer = CommandPeer(folder / "command.sock", len(robot.arm.joints))
    process = PolicyProcess(
        dataclasses.replace(robot, policy=policy, runtime=sockets),
        bundle,
        [PlainCamera(camera) for camera in seeing_cameras(robot, bundle)],
        foresight_stage=SlowForesight(ForesightStage(bundle), delay_s),
    )
    try:
        process.start()
        process.follow(bundle.manifest.instructions[0])
        peer.wait_for_chunks(_SETTLED_CHUNKS)
        return _count(process, peer, duration_s)
    finally:
        process.close()
        peer.close()


def _count(process: PolicyProcess, peer: CommandPeer, duration_s: float) -> Rates:
    n_foresights, n_chunks, t_start_ns = process.status()["foresight"]["count"], len(peer.chunks), time.monotonic_ns()
    time.sleep(duration_s)
    taken_s = (time.monotonic_ns() - t_start_ns) * 1e-9
    ages_ms = np.array([chunk.foresight_age_ns for chunk in peer.chunks[n_chunks:]]) * 1e-6
    return Rates(
        foresight_hz=(process.status()["foresight"]["count"] - n_foresights) / taken_s,
        action_hz=len(ages_ms) / taken_s,
        foresight_age_p50_ms=float(np.median(ages_ms)),
        foresight_age_max_ms=float(np.max(ages_ms)),
    )


def main() -> None:
    """Print the table of one bundle."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path, help="folder of the bundle")
    parser.add_argument("--robot", type=Path, default=_ROBOT, help="robot file (default: the simulated one)")
    parser.add_argument("--seconds", type=float, default=10.0, help="per row of the table (default: 10)")
    arguments = parser.parse_args()
    robot = load_robot(arguments.robot)
    bundle = open_bundle(arguments.bundle, robot)
    sys.stdout.write("foresight takes longer by   foresight   action   alternating   age p50       max\n")
    for delay_s in (0.0, 0.1, 0.25, 0.45):
        with tempfile.TemporaryDirectory() as folder:
            rates = measure(robot, bundle, delay_s, arguments.seconds, Path(folder))
        alternating_hz = min(robot.policy.action_rate_hz, rates.foresight_hz)
        sys.stdout.write(
            f"{delay_s * 1e3:>23.0f} ms   {rates.foresight_hz:>6.1f} Hz   {rates.action_hz:>4.1f} Hz"
            f"   {alternating_hz:>8.1f} Hz   {rates.foresight_age_p50_ms:>4.0f} ms   {rates.foresight_age_max_ms:>4.0f} ms\n"
        )


if __name__ == "__main__":
    main()
