"""A log of bounded length: what repeats is counted, what floods is left out, and both are told."""

from hypothesis import given
from hypothesis import strategies as st

from runtime.service.line_bound import BURST, LINES_PER_S, REPEAT_NS, LineBound

S = 1_000_000_000


def test_a_line_that_repeats_is_said_once_and_counted() -> None:
    bound = LineBound()
    assert bound.pass_on("gone", 0) == ["gone"]
    assert [bound.pass_on("gone", k) for k in range(1, 8)] == [[]] * 7
    assert bound.pass_on("back", 8) == ["(the line before this one, 7 more times)", "back"]
    assert bound.pass_on("gone", 9) == ["gone"]
    assert bound.rest() == []


def test_a_line_that_goes_on_repeating_is_said_again_now_and_then() -> None:
    bound = LineBound()
    said = [line for t_s in range(200) for line in bound.pass_on("gone", t_s * S)]
    more = REPEAT_NS // S - 1
    assert said == ["gone", *[f"(the line before this one, {more} more times)", "gone"] * 3]


def test_events_that_take_turns_are_all_said() -> None:
    bound = LineBound()
    lines = ["follows push", "follows nothing"] * 5
    assert [bound.pass_on(line, k * S) for k, line in enumerate(lines)] == [[line] for line in lines]


def test_a_flood_is_cut_and_told() -> None:
    bound = LineBound()
    said = [line for k in range(1000) for line in bound.pass_on(f"fault {k}", k)]
    assert len(said) == BURST
    assert bound.pass_on("calm", 60 * S) == [f"({1000 - BURST} lines left out: too many at once)", "calm"]


def test_what_is_urgent_is_said_in_a_flood_once() -> None:
    bound = LineBound()
    for k in range(100):
        bound.pass_on(f"fault {k}", k)
    assert bound.pass_on("the cable", 100, urgent=True)[-1] == "the cable"
    assert bound.pass_on("the cable", 101, urgent=True) == []


def test_at_the_end_what_is_left_is_told() -> None:
    bound = LineBound()
    for _ in range(3):
        bound.pass_on("gone", 0)
    assert bound.rest() == ["(the line before this one, 2 more times)"]
    assert bound.rest() == []


@given(st.lists(st.tuples(st.integers(0, S), st.sampled_from("abc")), max_size=300))
def test_never_more_lines_than_promised_and_each_is_said_or_counted(steps: list[tuple[int, str]]) -> None:
    bound, t_ns, said = LineBound(), 0, list[str]()
    for passed_ns, line in steps:
        t_ns += passed_ns
        said += bound.pass_on(line, t_ns)
    said += bound.rest()
    whole = [line for line in said if not line.startswith("(")]
    assert len(whole) <= BURST + t_ns / S * LINES_PER_S + 1
    swallowed = sum(int(word) for line in said if line.startswith("(") for word in line[1:].split() if word.isdigit())
    assert len(whole) + swallowed == len(steps)
