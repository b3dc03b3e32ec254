"""The status in a line: said again when it changed much, and not for what trembles."""

from typing import Any

from runtime.policy.status_words import StatusLine, policy_words

S = 1_000_000_000


def status(**changes: Any) -> dict[str, Any]:
    rates = {"camera": 29.8, "foresight": 15.0, "action": 30.4}
    rates.update({name: changes.pop(name) for name in list(changes) if name in rates})
    age_ms = changes.pop("age_ms", 68.4)
    told = {"instruction": "push", "faults": {}, "foresight_age": {"newest_ms": age_ms}}
    return {**told, **{name: {"rate_hz": rate} for name, rate in rates.items()}, **changes}


def test_the_words_name_what_is_wrong_first() -> None:
    assert policy_words({}) == ["no policy"]
    assert policy_words(status()) == ["push", "camera 30, foresight 15, action 30 Hz", "68 ms old"]
    words = policy_words(status(faults={"view front": "moved", "camera front": "gone"}, age_ms=None, instruction=None))
    assert words == [
        "FAULT: camera front, view front",
        "follows nothing",
        "camera 30, foresight 15, action 30 Hz",
        "- ms old",
    ]


def test_what_trembles_is_not_said_again() -> None:
    line = StatusLine()
    assert line.changed(status(), 0) == "push | camera 30, foresight 15, action 30 Hz | 68 ms old"
    for t_s in range(1, 60):
        assert line.changed(status(camera=29.5 + t_s % 2, age_ms=40 + 40 * (t_s % 2)), t_s * S) is None


def test_what_changed_is_said() -> None:
    line = StatusLine()
    line.changed(status(), 0)
    for t_s, changes in enumerate(
        [{"instruction": None}, {"faults": {"camera front": "gone"}}, {"camera": 20.0}, {"age_ms": 900.0}, {}], 1
    ):
        assert line.changed(status(**changes), t_s * S) is not None
        assert line.changed(status(**changes), t_s * S + S // 2) is None


def test_it_is_looked_at_once_a_second() -> None:
    line = StatusLine()
    assert line.due(5)
    line.changed(status(), 5)
    assert not line.due(S)
    assert line.due(S + 5)
