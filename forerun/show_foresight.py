"""What an S-VAM policy foresees, beside what then really happened: one picture an episode, and figures that keep it honest.

The scripted expert plays episodes that were not trained on. At one instant the policy is shown the camera's picture; drawn are the
video that it generates from its own noise, and its semantic and geometric foresight, each over what the camera and the teachers saw
afterwards. "If nothing moved" is what holding the present frame still would have scored: a foresight below that foresees nothing.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from forerun.defaults import count
from forerun.missing_package import named_where_missing
from interfaces.errors import ConfigError

if TYPE_CHECKING:
    from rich.table import Table

    from distill.svam.showing.foresight import PictureMade

_MOBILE_SAM = Path(__file__).parents[1] / "distill/recipes/mobile_sam.pt"  # where the recipes look for it
_COLUMNS = {  # figure -> head of its column
    "generated_psnr_db": "video dB", "still_psnr_db": "still dB",
    "semantic_error_ratio": "semantic", "semantic_still_error_ratio": "still",
    "depth_error_mm": "depth mm", "depth_still_error_mm": "still mm",
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("run", type=Path, help="folder of a finished run of `forerun distill`")
    parser.add_argument("--tasks", nargs="+", default=[], metavar="TASK", help="default: all that the policy follows")
    parser.add_argument("--seeds", type=count, default=1, metavar="N", help="episodes a task; default 1")
    parser.add_argument("--first-seed", type=int, default=0, metavar="S", help="training uses seeds from 100000 on")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="default RUN/pictures")
    parser.add_argument(
        "--instant", type=float, metavar="S",
        help="seconds into the episode; default: the instant after which most really moves",
    )  # fmt: skip
    parser.add_argument("--steps", type=count, default=10, metavar="N", help="of the generated video; default 10")
    parser.add_argument(
        "--mobile-sam", type=Path, default=_MOBILE_SAM, metavar="FILE",
        help=f"the semantic teacher's weights; default {_MOBILE_SAM.name} beside the recipes",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Draw with a progress bar a stage, and print the figures."""
    from rich.console import Console

    from forerun.stages import stages

    with named_where_missing():
        from distill.svam.showing.foresight import ForesightPlan, show_foresight
    plan = ForesightPlan(
        run=arguments.run, out=arguments.out or arguments.run / "pictures", mobile_sam=arguments.mobile_sam,
        tasks=tuple(arguments.tasks), first_seed=arguments.first_seed, n_seeds=arguments.seeds,
        instant_s=arguments.instant, n_steps=arguments.steps,
    )  # fmt: skip
    try:
        with stages() as start_stage:
            made, missing = show_foresight(plan, start_stage)
    except OSError as error:
        raise ConfigError(
            str(error.filename or plan.out), "--out", error.strerror, "a folder that can be written"
        ) from error
    Console().print(_table(made))
    for kind, file in missing.items():
        print(f"note: {file} is missing: what the {kind} teacher sees in the real future is not drawn")
    print(f"{plan.out}: {len(made)} pictures, and foresight.json with these figures")
    return 0


def _table(made: list[PictureMade]) -> Table:
    from rich.table import Table

    names = [name for name in _COLUMNS if name in made[0].figures]
    table = Table("task", "seed", "at s", title="means over the foreseen frames", title_justify="left", box=None)
    for name in names:
        table.add_column(_COLUMNS[name], justify="right")
    for one in made:
        table.add_row(one.task, str(one.seed), f"{one.instant_s:.2f}", *(f"{one.figures[name]:.2f}" for name in names))
    table.caption, table.caption_justify = "still: what the present frame, held still, would have scored", "left"
    return table
