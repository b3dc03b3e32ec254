"""An order to end is obeyed from the first moment: by leaving, and later by the event that ends everything in order."""

import os
import signal
import threading

import pytest

from runtime.service.end_order import EndOrder


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_before_there_is_anything_to_end_it_leaves(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    order = EndOrder()
    with pytest.raises(SystemExit) as left, order:
        os.kill(os.getpid(), number)
    assert left.value.code == 0
    assert order.came
    assert signal.getsignal(number) is before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_then_it_sets_the_event(number: signal.Signals) -> None:
    stop = threading.Event()
    with EndOrder() as order:
        order.sets(stop)
        assert not order.came
        os.kill(os.getpid(), number)
        assert stop.wait(5)
    assert order.came
