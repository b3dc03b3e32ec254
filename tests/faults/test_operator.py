"""A person stops the arm in motion: by datagram and by pipe; it stays stopped until a person says otherwise."""

import time
from collections.abc import Callable

from bench.faults.limits import rest_max_ns
from bench.faults.process_rig import FaultRig
from interfaces.messages import CommandState
from interfaces.operator_wire import Order

STOP_MAX_MS = 100.0  # until the first command that brakes; a period, on a machine with nothing else to do


def test_an_emergency_stop_in_motion_by_datagram_and_by_pipe(make_rig: Callable[..., FaultRig]) -> None:
    rig = make_rig(estop_pipe="estop.pipe")

    def by_datagram() -> None:
        assert rig.order(Order.ESTOP).state is CommandState.ESTOP

    def by_pipe() -> None:
        (rig.folder / "estop.pipe").write_bytes(b"x")

    stops = list[tuple[int, int]]()
    for stop in (by_datagram, by_pipe, by_datagram):
        rig.hand.swing_fast()
        t_stop_ns = time.monotonic_ns()
        stop()
        rig.hand.swing_until(CommandState.ESTOP)
        assert rig.hand.swing_for(0.4).state is CommandState.ESTOP  # although chunks go on
        stops.append((t_stop_ns, time.monotonic_ns()))
        assert rig.order(Order.CLEAR).done
        rig.hand.swing_until(CommandState.FOLLOWING)
    evidence = rig.evidence()
    evidence.assert_all_is_within_limits()
    assert evidence.said.count("FOLLOWING -> ESTOP") == 3
    assert "estop.pipe" in evidence.said
    for t_stop_ns, t_clear_ns in stops:
        stopped_ms = evidence.hold_after_ms(t_stop_ns, CommandState.ESTOP)
        assert stopped_ms <= STOP_MAX_MS
        assert evidence.braking_ms(t_stop_ns) <= rest_max_ns(evidence.arm) / 1e6
        t_in_ns = t_stop_ns + round(stopped_ms * 1e6)
        assert evidence.states_between(t_in_ns, t_clear_ns) == {CommandState.ESTOP}


def test_there_is_nothing_to_clear_where_nothing_is_wrong(rig: FaultRig) -> None:
    rig.hand.swing_fast()
    refused = rig.order(Order.CLEAR)
    assert not refused.done
    assert "nothing to clear" in refused.text
    assert rig.hand.swing_for(0.1).state is CommandState.FOLLOWING
