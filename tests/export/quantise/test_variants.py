"""Variants of a policy are judged end to end, on all frames or on some, in both layouts."""

from typing import get_args

import numpy as np
import pytest

from export.quantise.blocks import Layout, blocks_of
from export.quantise.graph_run import GraphRun
from export.quantise.sensitivity import frames_to_judge, measure_sensitivity
from export.quantise.units import Unit, units_of
from export.quantise.variants import BlockId, PolicyGraphs, Variants, measure_policy
from interfaces.progress import silent
from interfaces.sample_file import Samples
from tests.data.make_uneven_policy import COSTLY, JOINTS, uneven_action, uneven_foresight, uneven_samples

LAYOUTS: tuple[Layout, ...] = get_args(Layout)
ONE, MIX = BlockId("foresight", "net.one"), BlockId("action", "mix")


@pytest.fixture(scope="module")
def heldout() -> Samples:
    return uneven_samples(20, seed=2)


@pytest.fixture(scope="module")
def policy() -> PolicyGraphs:
    return measure_policy(uneven_foresight(), uneven_action(), JOINTS, uneven_samples(20, seed=1), silent)


def units(policy: PolicyGraphs, layout: Layout) -> tuple[Unit, ...]:
    return units_of({"foresight": blocks_of(policy.foresight, layout), "action": blocks_of(policy.action, layout)})


@pytest.mark.parametrize("layout", LAYOUTS)
def test_nothing_quantised_is_the_policy_itself(policy: PolicyGraphs, heldout: Samples, layout: Layout) -> None:
    figures = Variants(policy, layout, heldout).figures(())
    assert figures.action_error.value == 0.0
    assert figures.frames == 20


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_foresight_block_reaches_the_actions_through_the_tokens(
    policy: PolicyGraphs, heldout: Samples, layout: Layout
) -> None:
    figures = Variants(policy, layout, heldout).figures([ONE])
    assert 1e-4 < figures.action_error.value < 0.1
    assert 0.99 < figures.foresight_cosine.value < 1.0


@pytest.mark.parametrize("layout", LAYOUTS)
def test_an_action_block_leaves_the_tokens_alone(policy: PolicyGraphs, heldout: Samples, layout: Layout) -> None:
    figures = Variants(policy, layout, heldout).figures([MIX])
    assert 1e-4 < figures.action_error.value < 0.1
    assert figures.foresight_max_abs.value == 0.0


def test_some_frames_count_as_they_do_among_all(policy: PolicyGraphs, heldout: Samples) -> None:
    variants = Variants(policy, "cpu-int8", heldout)
    whole = variants.figures([ONE, MIX])
    worst = next(joint for joint in whole.joints if joint.error_ratio == whole.action_error.value)
    some = variants.figures([ONE, MIX], [worst.frame, 0])
    assert some.action_error == whole.action_error
    others = [frame for frame in range(20) if frame != worst.frame]
    assert variants.figures([ONE, MIX], others).action_error.value < whole.action_error.value


def test_what_is_judged_is_what_is_made(policy: PolicyGraphs, heldout: Samples) -> None:
    variants = Variants(policy, "cpu-int8", heldout)
    foresight, action = variants.models([ONE, MIX])
    tokens = GraphRun(foresight).run(heldout)["tokens"]
    positions = GraphRun(action).run({**heldout, "tokens": tokens})["positions"]
    wanted_tokens = GraphRun(policy.foresight).run(heldout)["tokens"]
    wanted = GraphRun(policy.action).run({**heldout, "tokens": wanted_tokens})["positions"]
    assert variants.figures([ONE, MIX]).action_max_abs_rad.value == pytest.approx(np.abs(positions - wanted).max())


def test_the_last_step_is_judged_too(policy: PolicyGraphs, heldout: Samples) -> None:
    asked: list[str] = []

    def finish(graph: str, model: object) -> object:
        asked.append(graph)
        return uneven_foresight(weaker=True) if graph == "foresight" else model

    variants = Variants(policy, "trt-int8", heldout, finish=finish)  # pyright: ignore[reportArgumentType]
    assert variants.figures(()).foresight_max_abs.value > 0.0
    assert set(asked) == {"foresight", "action"}


def test_a_sibling_judges_another_layout_by_the_same_reference(policy: PolicyGraphs, heldout: Samples) -> None:
    first = Variants(policy, "cpu-int8", heldout)
    before = first.figures([ONE])
    second = first.sibling("trt-int8")
    assert second.figures([ONE]) == Variants(policy, "trt-int8", heldout).figures([ONE])
    assert second.figures([ONE]) != before
    assert (first.layout, first.figures([ONE])) == ("cpu-int8", before)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_block_that_int8_cannot_do_is_the_costliest(policy: PolicyGraphs, heldout: Samples, layout: Layout) -> None:
    told: list[str] = []
    all_units = units(policy, layout)
    rows = measure_sensitivity(
        Variants(policy, layout, heldout),
        all_units,
        range(20),
        lambda done, total, text: told.append(f"{done}/{total} {text}"),
    )
    assert {row.unit for row in rows} == set(all_units)  # also what is kept by default
    assert rows[0].unit.blocks == (COSTLY,)
    assert rows[0].figures.action_error.value > 3 * rows[1].figures.action_error.value
    errors = [row.figures.action_error.value for row in rows]
    assert errors == sorted(errors, reverse=True)
    assert told[-1].startswith(f"{len(all_units)}/{len(all_units)} {layout}")


def unit(name: str, macs: int) -> Unit:
    return Unit(name=name, graph="foresight", kind="conv", blocks=(name,), macs=macs, kept_by=None, reason="")


def test_small_networks_are_judged_on_every_frame_and_large_ones_on_frames_from_end_to_end() -> None:
    small = [unit(f"{index}", 1000) for index in range(20)]
    assert frames_to_judge(small, 300) == tuple(range(300))
    large = [unit(f"{index}", 10**8) for index in range(40)]
    frames = frames_to_judge(large, 300)
    assert len(frames) == 12
    assert (frames[0], frames[-1]) == (0, 299)
    assert len(set(frames)) == len(frames)
    huge = [unit(f"{index}", 10**10) for index in range(40)]
    assert len(frames_to_judge(huge, 300)) == 8
    assert frames_to_judge(huge, 5) == (0, 1, 2, 3, 4)
