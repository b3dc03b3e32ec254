"""How fast the arm holds, rests and goes on when something fails in motion: real processes, emulated servos, random moments.

    python -m bench.fault_bounds --repeats 20
    python -m bench.fault_bounds --repeats 20 --loaded

"hold" is from the fault to the first command that brakes, "rest" to the first of five equal commands, both from the command
process's log; "silence" is the longest time in which the servos got nothing meanwhile, as they saw it. ms: median / maximum.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from bench.command_loop import load
from bench.command_rig import end
from bench.faults.hand_policy import poisoned, untouched
from bench.faults.limits import rest_max_ns
from bench.faults.process_rig import FaultRig
from interfaces.messages import CommandState
from interfaces.operator_wire import Order

_SETTLE_S = 0.3  # longer than a chunk may be old, and than any way to rest
Accident = Callable[[FaultRig], int]  # returns the instant of the fault, once its effect is over


def _killed(rig: FaultRig) -> int:
    policy = rig.swinging_policy()
    _swing_with_others(rig)
    t_ns = time.monotonic_ns()
    end(policy)
    time.sleep(_SETTLE_S)
    return t_ns


def _stopped(rig: FaultRig) -> int:
    policy = rig.swinging_policy()
    _swing_with_others(rig)
    t_ns = time.monotonic_ns()
    policy.send_signal(signal.SIGSTOP)
    time.sleep(2 * _SETTLE_S)
    end(policy)
    return t_ns


def _not_finite(rig: FaultRig) -> int:
    rig.hand.swing_fast()
    rig.hand.spoil = poisoned(np.nan)
    t_ns = time.monotonic_ns()
    rig.hand.swing_for(_SETTLE_S)
    rig.hand.spoil = untouched
    return t_ns


def _stopped_by_a_person(rig: FaultRig) -> int:
    rig.hand.swing_fast()
    t_ns = time.monotonic_ns()
    rig.order(Order.ESTOP)
    rig.hand.swing_for(_SETTLE_S)
    rig.command.clear()
    return t_ns


def _stopped_by_a_pipe(rig: FaultRig) -> int:
    rig.hand.swing_fast()
    t_ns = time.monotonic_ns()
    (rig.folder / "estop.pipe").write_bytes(b"x")
    rig.hand.swing_for(_SETTLE_S)
    rig.command.clear()
    return t_ns


def _swing_with_others(rig: FaultRig) -> None:
    rig.wait_for(CommandState.FOLLOWING)
    time.sleep(float(np.random.default_rng().uniform(0.1, 0.4)))


ACCIDENTS: dict[str, tuple[Accident, CommandState]] = {
    "policy, kill -9": (_killed, CommandState.HOLDING),
    "policy, SIGSTOP": (_stopped, CommandState.HOLDING),
    "a chunk that is not finite": (_not_finite, CommandState.HOLDING),
    "emergency stop by datagram": (_stopped_by_a_person, CommandState.ESTOP),
    "emergency stop by pipe": (_stopped_by_a_pipe, CommandState.ESTOP),
}


def measure(name: str, repeats: int, *, loaded: bool) -> str:
    """Return one row of the table; raises AssertionError where a limit was violated."""
    accident, state = ACCIDENTS[name]
    with tempfile.TemporaryDirectory(prefix="forerun") as folder, ExitStack() as stack:
        if loaded:
            stack.enter_context(load(Path(folder), os.cpu_count() or 1))
        rig = stack.enter_context(FaultRig(Path(folder), estop_pipe="estop.pipe"))
        instants_ns = [accident(rig) for _ in range(repeats)]
        evidence = rig.evidence()
    evidence.assert_all_is_within_limits()
    hold_ms = [evidence.hold_after_ms(t_ns, state) for t_ns in instants_ns]
    rest_ms = [evidence.rest_after_ms(t_ns) for t_ns in instants_ns]
    silence_ms = [evidence.silence_ms(t_ns, t_ns + round(_SETTLE_S * 1e9)) for t_ns in instants_ns]
    braking_ms = max(evidence.braking_ms(t_ns) for t_ns in instants_ns)
    assert braking_ms <= rest_max_ns(evidence.arm) / 1e6, f"{name}: {braking_ms:.0f} ms to rest"
    return f"| {name} | {_spread(hold_ms)} | {_spread(rest_ms)} | {_spread(silence_ms)} | {evidence.worst().line()} |"


def _spread(values_ms: list[float]) -> str:
    return f"{np.median(values_ms):.0f} / {max(values_ms):.0f}"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="bench.fault_bounds", description="How fast the arm holds and rests.")
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--loaded", action="store_true", help="with every core busy")
    arguments = parser.parse_args()
    _line("| fault, in motion | hold | rest | silence | commands |")
    _line("|---|---|---|---|---|")
    for name in ACCIDENTS:
        _line(measure(name, arguments.repeats, loaded=arguments.loaded))


def _line(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
