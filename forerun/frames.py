"""Gather sample files: real inputs of a policy, to quantise with and to judge by.

INT8 is only as good as the pictures that its ranges are measured on, and a gate only as good as the pictures it looks at. So take some
hundreds of each, of what the robot will really see, and never the same for both:

  forerun frames simulated calibration.npz --count 400
  forerun frames simulated heldout.npz --count 300 --first-seed 40000

of the simulated robot, where the policy acts and everything is as its graphs were given it;

  forerun frames record flights/ heldout.npz --bundle robots/bundles/mine

of what a robot recorded while it worked: everything as it was, wherever the policy acted on a recorded picture;

  forerun frames capture captures/2026-11-21/ calibration.npz --bundle robots/bundles/mine

of what `forerun calibrate capture` took: pictures and joints all over the workspace. What a record or capture lacks is drawn, by --seed,
as the runtime would have given it: an instruction of the bundle's, a foresight age of 20 to 200 ms, noise.

forerun export takes the files with --calibration and --heldout; forerun frames show FILE tells what is in one."""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import TYPE_CHECKING

from forerun.defaults import SIMULATED_ROBOT, count

if TYPE_CHECKING:
    from interfaces.bundle_manifest import BundleManifest
    from interfaces.progress import Progress
    from interfaces.sample_file import Samples


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    sources = parser.add_subparsers(dest="source", required=True, metavar="SOURCE")
    simulated = sources.add_parser("simulated", help="from the simulated robot, while the bundle acts")
    simulated.add_argument("out", type=Path, metavar="OUT.npz", help="sample file to write")
    simulated.add_argument("--bundle", type=Path, help="bundle that acts; default the robot file's")
    simulated.add_argument("--robot", type=Path, default=SIMULATED_ROBOT, help="default the simulated SO-101")
    simulated.add_argument("--count", type=count, default=600, help="samples, as many of each task; default 600")
    simulated.add_argument(
        "--first-seed",
        type=int,
        default=20_000,
        help="scenes from this seed on; default 20000, for calibration. 40000 is for held-out frames;"
        " evaluation begins at 0, training at 100000",
    )
    simulated.add_argument("--workers", type=count, default=os.cpu_count() or 1)
    for name, what in (
        ("capture", "folder that forerun calibrate capture wrote"),
        ("record", "flight: .mcap or folder"),
    ):
        source = sources.add_parser(name, help=f"from a {what}")
        source.add_argument("path", type=Path, metavar=name.upper(), help=what)
        source.add_argument("out", type=Path, metavar="OUT.npz", help="sample file to write")
        source.add_argument("--bundle", type=Path, required=True, help="bundle whose inputs they shall be")
        source.add_argument("--count", type=count, default=600, help="samples at most, evenly; default 600")
        source.add_argument("--seed", type=int, default=0, help="of what is drawn; default 0")
    show = sources.add_parser("show", help="what is in a sample file")
    show.add_argument("out", type=Path, metavar="FILE.npz")


def run(arguments: argparse.Namespace) -> int:
    """Gather with a progress bar, write, and say what was written."""
    from forerun.progress import counting
    from interfaces.errors import RefusedError
    from interfaces.sample_file import read_samples, write_samples

    if arguments.source == "show":
        _print_samples(arguments.out, read_samples(arguments.out))
        return 0
    gather = {"simulated": _simulated, "capture": _captured, "record": _recorded}[arguments.source]
    try:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)  # before the work, not after it
        samples, note = gather(arguments, counting("gathering"))
        write_samples(arguments.out, samples, counting("packing the pictures"))
    except OSError as error:
        raise RefusedError(f"{error.filename or arguments.out}: {error.strerror}") from error
    _print_samples(arguments.out, samples)
    print(note)
    return 0


def _simulated(arguments: argparse.Namespace, progress: Progress) -> tuple[Samples, str]:
    from bench.samples.from_simulator import SimulatorPlan, gather_from_simulator
    from interfaces.robot_config import load_robot
    from runtime.policy.bundle import bundle_folder

    plan = SimulatorPlan(
        robot_file=arguments.robot,
        bundle=arguments.bundle or bundle_folder(arguments.robot, load_robot(arguments.robot)),
        n_samples=arguments.count,
        first_seed=arguments.first_seed,
        workers=arguments.workers,
    )
    return gather_from_simulator(plan, progress), f"of {plan.bundle}, scenes from seed {plan.first_seed} on"


def _captured(arguments: argparse.Namespace, progress: Progress) -> tuple[Samples, str]:
    from bench.samples.from_capture import gather_from_capture

    samples = gather_from_capture(arguments.path, _manifest(arguments), arguments.count, arguments.seed, progress)
    return samples, "pictures and joints as captured; instruction, foresight age and noise drawn"


def _recorded(arguments: argparse.Namespace, progress: Progress) -> tuple[Samples, str]:
    from bench.samples.from_flight import gather_from_flight

    found = gather_from_flight(arguments.path, _manifest(arguments), arguments.count, arguments.seed, progress)
    return found.samples, f"{found.n_as_recorded} wholly as recorded; of the others, foresight age and noise are drawn"


def _manifest(arguments: argparse.Namespace) -> BundleManifest:
    from interfaces.graph_contract import check_contract
    from runtime.policy.bundle import read_manifest

    manifest = read_manifest(arguments.bundle)
    check_contract(manifest)
    return manifest


def _print_samples(path: Path, samples: Samples) -> None:
    n_samples = len(next(iter(samples.values())))
    print(f"{path}: {n_samples} samples, {path.stat().st_size / 1e6:.1f} MB")
    for name, values in samples.items():
        numbers = f"{values.min():g} to {values.max():g}"
        print(f"  {name:<15} {values.dtype!s:<8} {list(values.shape[1:])!s:<16} {numbers}")
