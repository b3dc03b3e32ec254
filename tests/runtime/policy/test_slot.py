"""The newest wins, and nobody sees it twice."""

import threading

from runtime.policy.slot import Slot, Stamped


def test_the_newest_wins_and_is_numbered() -> None:
    slot: Slot[str] = Slot()
    assert slot.newest() is None
    assert [slot.put(value) for value in ("a", "b")] == [1, 2]
    assert slot.newest() == Stamped(2, "b")


def test_waiting_ends_with_a_newer_value_or_with_the_time() -> None:
    slot: Slot[str] = Slot()
    assert slot.wait(0, timeout_s=0.0) is None
    slot.put("a")
    assert slot.wait(0, timeout_s=0.0) == Stamped(1, "a")
    assert slot.wait(1, timeout_s=0.01) is None
    threading.Timer(0.02, slot.put, ["b"]).start()
    assert slot.wait(1, timeout_s=30.0) == Stamped(2, "b")


def test_a_reader_sees_values_once_in_order_and_the_last_one() -> None:
    slot: Slot[int] = Slot()
    last = 20_000
    writer = threading.Thread(target=lambda: [slot.put(value) for value in range(1, last + 1)])
    writer.start()
    seen = [0]
    while seen[-1] < last:
        newer = slot.wait(seen[-1], timeout_s=30.0)
        assert newer is not None
        assert newer.sequence == newer.value  # never the number of one with the value of another
        seen.append(newer.sequence)
    writer.join()
    assert seen == sorted(set(seen))
