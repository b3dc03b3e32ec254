"""How long and how often a port waits for its controller."""

from __future__ import annotations

import pytest

from drivers.can.bus_off import FORGIVEN_NS, PATIENCE_NS, TIMES, BusOffBudget
from interfaces.errors import DeviceLostError

T_NS = 10**12


def test_on_the_bus_there_is_hope() -> None:
    budget = BusOffBudget("can0", 0)
    budget.require_hope(T_NS)
    assert not budget.is_off


def test_it_is_waited_for_until_patience_ends() -> None:
    budget = BusOffBudget("can0", 100)
    budget.leave(T_NS)
    budget.leave(T_NS + PATIENCE_NS)  # said twice: it has been off since the first time
    budget.require_hope(T_NS + PATIENCE_NS)
    with pytest.raises(DeviceLostError, match=r"can0 is off the bus: .* did not come back within 500 ms"):
        budget.require_hope(T_NS + PATIENCE_NS + 1)
    assert budget.n_off == 1


def test_without_restart_there_is_none_and_the_remedy_is_said() -> None:
    budget = BusOffBudget("can0", 0)
    budget.leave(T_NS)
    with pytest.raises(DeviceLostError, match=r"stays off: .* ip link set can0 type can restart-ms 100"):
        budget.require_hope(T_NS)


def test_it_may_leave_only_so_often() -> None:
    budget = BusOffBudget("can0", None)
    for _ in range(TIMES):
        budget.leave(T_NS)
        budget.require_hope(T_NS)
        budget.come_back()
    budget.leave(T_NS)
    with pytest.raises(DeviceLostError, match=f"for the {TIMES + 1}th time in a row"):
        budget.require_hope(T_NS)
    assert budget.n_off == TIMES + 1


def test_long_ago_is_forgiven() -> None:
    budget = BusOffBudget("can0", 100)
    for i in range(3 * TIMES):
        t_ns = T_NS + i * (FORGIVEN_NS + 1)
        budget.leave(t_ns)
        budget.require_hope(t_ns)
        budget.come_back()
    assert not budget.is_off
