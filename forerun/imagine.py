"""What a policy that is also a model of the world (UVA) expects for given actions, and which actions it reads out of a video.

The scripted expert plays episodes that were not trained on. At each moment the policy says the future for the actions that were then
taken, for those of another episode of the task, and for none; and it reads the actions out of what happened, and out of the other episode.
Each figure stands beside what knows less: the present frame held still, the joints held still. A picture is drawn of each task.
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

    from distill.family.imagining.imagined import TaskImagined

_FUTURE = {
    "given_db": "its actions",
    "other_db": "another's",
    "free_db": "none",
    "still_db": "still",
    "best_db": "best",
}
_ACTIONS = {"read_mrad": "its video", "other_read_mrad": "another's", "still_mrad": "still"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("run", type=Path, help="folder of a finished run of `forerun distill` with a recipe of UVA")
    parser.add_argument("--tasks", nargs="+", default=[], metavar="TASK", help="default: all that the policy follows")
    parser.add_argument("--seeds", type=count, default=4, metavar="N", help="episodes a task, 2 or more; default 4")
    parser.add_argument("--first-seed", type=int, default=0, metavar="S", help="training uses seeds from 100000 on")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="default RUN/pictures")
    parser.add_argument(
        "--rounds", type=count, default=1, metavar="N",
        help="in which the places of a future are filled, the later ones knowing the earlier; default 1: all at once",
    )  # fmt: skip
    parser.add_argument(
        "--steps", type=count, default=1, metavar="N",
        help="of the video head; default 1: the mean of what may come, which no pixel error is lower than; 10: one of it",
    )  # fmt: skip


def run(arguments: argparse.Namespace) -> int:
    """Measure with a progress bar a stage, and print the figures."""
    from rich.console import Console

    from forerun.stages import stages

    with named_where_missing():
        from distill.family.imagining.imagined import FIGURES_FILE, ImaginePlan, imagine
    from models.uva.policy import Drawing

    plan = ImaginePlan(
        run=arguments.run, out=arguments.out or arguments.run / "pictures", tasks=tuple(arguments.tasks),
        first_seed=arguments.first_seed, n_seeds=arguments.seeds,
        drawing=Drawing(n_rounds=arguments.rounds, n_steps=arguments.steps),
    )  # fmt: skip
    try:
        with stages() as start_stage:
            told = imagine(plan, start_stage)
    except OSError as error:
        raise ConfigError(
            str(error.filename or plan.out), "--out", error.strerror, "a folder that can be written"
        ) from error
    console = Console()
    console.print(
        _table(told, _FUTURE, "The expected future, for these actions: PSNR in dB against what happened",
               "still: the present frame, held; best: what happened, through the autoencoder")
    )  # fmt: skip
    console.print(
        _table(told, _ACTIONS, "The actions read out of this video: mean error in mrad", "still: the joints, held")
    )
    whole = told[-1].figures
    print(
        f"its own actions instead of another's: {whole['given_db'] - whole['other_db']:+.2f} dB; actions read out of the video:"
        f" {whole['read_mrad']:.1f} mrad off, {whole['still_mrad'] / whole['read_mrad']:.2f} times better than standing still"
    )
    print(f"{plan.out}: a picture of each task, and {FIGURES_FILE} with these figures")
    return 0


def _table(told: list[TaskImagined], columns: dict[str, str], title: str, caption: str) -> Table:
    from rich.table import Table

    table = Table("task", title=title, title_justify="left", caption=caption, caption_justify="left", box=None)
    for head in ("moments", *columns.values()):
        table.add_column(head, justify="right")
    for one in told:
        table.add_row(one.task, str(one.n_moments), *(f"{one.figures[name]:.1f}" for name in columns))
    return table
