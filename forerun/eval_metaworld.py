"""Measure success on Meta-World's tasks over many seeds: the policy's own stages in lockstep on a virtual clock, on all cores.

Latencies of camera, foresight and action are put in as measured, and the world does not wait for them. The package metaworld is
needed, and no part of our own environments: where it is missing, the command says how to install it."""

from __future__ import annotations

import argparse
import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from forerun.defaults import count
from interfaces.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from bench.closed_loop.latencies import Latencies
    from bench.closed_loop.lockstep import Outcome
    from bench.metaworld.evaluation import Evaluation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    from sim.metaworld.tasks import TASKS  # names only

    parser.add_argument("policy", type=Path, nargs="?", help="bundle, or finished run of `forerun distill`")
    parser.add_argument("--expert", action="store_true", help="Meta-World's scripted experts instead: the upper bound")
    parser.add_argument("--tasks", nargs="+", choices=TASKS, help="default all that the policy has learnt")
    parser.add_argument("--seeds", type=count, default=50, help="episodes a task; default 50")
    parser.add_argument("--first-seed", type=int, default=0, help="training uses seeds from 100000 on")
    parser.add_argument(
        "--steps-of-decoding", type=count, metavar="N", help="of the action, other than the run was trained with"
    )
    parser.add_argument("--workers", type=count, default=os.cpu_count() or 1)
    parser.add_argument("--out", type=Path, metavar="FILE", help="write one row an episode into this CSV file, too")
    for name in ("camera", "foresight", "action"):
        parser.add_argument(f"--{name}-ms", type=float, help=f"latency of {name}; default as measured on the SO-101")


def run(arguments: argparse.Namespace) -> int:
    """Evaluate with a progress bar, and print the table."""
    from rich.console import Console

    from bench.closed_loop.shift_table import write_episodes
    from bench.metaworld.evaluation import Evaluation
    from sim.metaworld.package import require_metaworld

    if (arguments.policy is None) != arguments.expert:
        raise RefusedError("expected a bundle or a run, or --expert instead")
    require_metaworld()
    with ExitStack() as stack:
        bundle, runs_as, tasks = _player(arguments, stack)
        evaluation = Evaluation(
            bundle=bundle,
            tasks=tasks,
            first_seed=arguments.first_seed,
            n_seeds=arguments.seeds,
            latencies=_latencies(arguments),
            workers=arguments.workers,
        )
        outcomes = _play(evaluation)
    if arguments.out is not None:
        write_episodes(arguments.out, {"none": outcomes})
    _print(Console(), runs_as, None if arguments.expert else evaluation.latencies, outcomes)
    return 0


def _player(arguments: argparse.Namespace, stack: ExitStack) -> tuple[Path | None, str, tuple[str, ...]]:
    """Return the bundle, what acts, and the tasks it plays; what does not open here is refused before the processes start."""
    if arguments.expert:
        from sim.metaworld.tasks import TASKS

        return None, "the experts", tuple(dict.fromkeys(arguments.tasks or TASKS))
    from bench.metaworld.evaluation import open_metaworld_bundle
    from interfaces.bundle_manifest import MANIFEST_FILE

    folder: Path = arguments.policy
    if not (folder / MANIFEST_FILE).exists():
        folder = exported(folder, arguments.steps_of_decoding, stack)
    elif arguments.steps_of_decoding is not None:
        raise RefusedError(f"{folder}: a bundle's graph has its steps of decoding in it; give the run it was made of")
    opened = open_metaworld_bundle(folder)
    learnt = opened.manifest.instructions
    strange = [task for task in arguments.tasks or () if task not in learnt]
    if strange:
        raise RefusedError(f"{opened.manifest.name} has not learnt {', '.join(strange)}, only {', '.join(learnt)}")
    return folder, f"{opened.manifest.name} as {opened.running.words}", tuple(dict.fromkeys(arguments.tasks or learnt))


def exported(run_folder: Path, n_steps: int | None, stack: ExitStack) -> Path:
    """Return a bundle of a run, in fp32, that is there as long as the stack; raises ConfigError where the run is not finished."""
    import tempfile

    from export.bundle_writer import write_bundle
    from export.policy_source import load_source
    from export.provenance import provenance_of_this_tree
    from sim.metaworld.tasks import JOINTS

    name = run_folder.resolve().name
    folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="forerun-eval-")))
    source = run_folder
    if n_steps is not None:
        source = with_steps(run_folder, n_steps, folder / "run")
        name = f"{name} in {n_steps} steps"
    policy = load_source(str(source))
    if policy.joints != JOINTS:  # before the export, which takes its time
        moves, wanted = ", ".join(policy.joints), ", ".join(JOINTS)
        raise RefusedError(f"{run_folder}: its policy moves joints {moves}; Meta-World here has {wanted}")
    write_bundle(policy, provenance_of_this_tree("forerun eval metaworld", ""), folder / name)
    return folder / name


def with_steps(run_folder: Path, n_steps: int, folder: Path) -> Path:
    """Return a copy of a run whose policy decodes in so many steps."""
    import shutil

    from models.svam.policy import load_policy, save_policy

    try:
        policy = load_policy(run_folder / "policy.pt")
        folder.mkdir()
        shutil.copy(run_folder / "samples.npz", folder)
    except (OSError, KeyError, RuntimeError) as error:
        raise RefusedError(f"{run_folder}: expected a finished S-VAM run ({error})") from error
    policy.config = replace(policy.config, n_steps=n_steps)
    save_policy(policy, folder / "policy.pt")
    return folder


def _latencies(arguments: argparse.Namespace) -> Latencies:
    from bench.closed_loop.latencies import Latencies

    given = {f"{name}_ms": getattr(arguments, f"{name}_ms") for name in ("camera", "foresight", "action")}
    return replace(Latencies(), **{key: value for key, value in given.items() if value is not None})


def _play(evaluation: Evaluation) -> list[Outcome]:
    """Return the outcomes of all episodes, by task and seed."""
    from rich.progress import track

    from bench.metaworld.evaluation import evaluate

    total = evaluation.n_seeds * len(evaluation.tasks)
    outcomes = list(track(evaluate(evaluation), total=total, description="Meta-World"))
    return sorted(outcomes, key=lambda outcome: (evaluation.tasks.index(outcome.task), outcome.seed))


def _print(console: Console, runs_as: str, latencies: Latencies | None, outcomes: Sequence[Outcome]) -> None:
    """Print success by task, and over all of them."""
    from bench.closed_loop.success_table import success_table
    from bench.metaworld.summary import summary

    late = "never late"
    if latencies is not None:
        late = f"camera {latencies.camera_ms:g} ms, foresight {latencies.foresight_ms:g} ms, action {latencies.action_ms:g} ms"
    console.print(success_table(f"{runs_as} on Meta-World in lockstep\n{late}", outcomes))
    for line in summary(outcomes):
        console.print(line)
