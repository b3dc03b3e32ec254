"""Turn a policy into a bundle: ONNX graphs checked against torch, quantised for processor and TensorRT, each gated on held-out frames.

The policy is a finished run of `forerun distill`, a bundle that is to be quantised anew (with frames of your own robot, say), or a function
of your own in a Python file (docs/export.md)."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from forerun.defaults import SIMULATED_ROBOT, count
from interfaces.errors import RefusedError

if TYPE_CHECKING:
    from export.gates.closed_loop import Outcomes
    from export.refine import Refinement
    from interfaces.bundle_artefact import Precision
    from interfaces.bundle_manifest import BundleManifest
    from interfaces.progress import StartStage
    from interfaces.sample_file import Samples

PRECISIONS = ("fp16", "cpu-int8", "trt-int8")
_WIDTH = 100
_SAMPLES_TITLE = {"calibration": "calibration", "heldout": "held-out"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("source", help="folder of a run, or of a bundle, or FILE.py:FUNCTION")
    parser.add_argument("bundle", type=Path, help="folder of the bundle to write, for example my-bundles/so101")
    parser.add_argument("--trained-on", default="", help="a line about data and training, for the manifest")
    parser.add_argument(
        "--precisions", nargs="*", choices=PRECISIONS, default=PRECISIONS, metavar="P",
        help=f"beside fp32: {', '.join(PRECISIONS)} (default: all); none writes fp32 alone",
    )  # fmt: skip
    parser.add_argument(
        "--calibration", type=Path, metavar="FILE",
        help="frames that the ranges of the integers are measured on (forerun frames); default: 400 from the simulator",
    )  # fmt: skip
    parser.add_argument(
        "--heldout", type=Path, metavar="FILE",
        help="other frames, at least 300, that the gates are measured on; default: 300 from the simulator",
    )  # fmt: skip
    parser.add_argument(
        "--pin", nargs="+", default=(), metavar="BLOCK",
        help='blocks to keep in higher precision, as the sensitivity tables in the bundle name them: "*.conv_2.0", "action/*.film"',
    )  # fmt: skip
    parser.add_argument(
        "--no-fp32", action="store_true",
        help="leave fp32 out of what is written: the largest, and no robot needs it; the bundle cannot be quantised anew then",
    )  # fmt: skip
    parser.add_argument("--no-closed-loop", action="store_true", help="leave out the gate that plays in the simulator")
    parser.add_argument("--robot", type=Path, default=SIMULATED_ROBOT, help="robot file of the simulator")
    parser.add_argument("--seeds", type=count, default=100, help="episodes a task of the closed-loop gate; default 100")
    parser.add_argument(
        "--workers", type=count, default=os.cpu_count() or 1, help="processes of the simulator; default one a core"
    )


def run(arguments: argparse.Namespace) -> int:
    """Export with a progress bar a stage, and say what came of it."""
    import tempfile

    from rich.console import Console

    from bench.export_table import export_table
    from export.refine import refine
    from forerun.stages import stages

    if arguments.no_fp32 and "fp16" not in arguments.precisions:
        raise RefusedError(
            "--no-fp32: then fp16 is what `forerun check` and `forerun build` compare with; add it to --precisions"
        )
    try:
        _require_room(arguments.bundle)
        with tempfile.TemporaryDirectory(prefix="forerun-export-") as name, stages() as start_stage:
            source, manifest = _fp32_bundle(arguments, Path(name), start_stage)
            if arguments.precisions:
                how = _refinement(arguments, source, manifest, start_stage)
                manifest = refine(source, arguments.bundle, how)
    except OSError as error:
        raise RefusedError(f"{error.filename or arguments.bundle}: {error.strerror}") from error
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)  # a file has no width of its own
    console.print(export_table(manifest, arguments.bundle))
    if arguments.precisions and arguments.calibration and arguments.calibration == arguments.heldout:
        print("note: the gates were measured on the frames that the ranges were: take others before you believe them")
    return 0 if all(artefact.ready for artefact in manifest.artefacts) else 1


def _require_room(folder: Path) -> None:
    """Refuse to swap a bundle in for what is none, before the work rather than after it; raises RefusedError."""
    from interfaces.bundle_manifest import MANIFEST_FILE

    if folder.name in {"", ".."}:
        raise RefusedError(f"{folder}: expected the folder of the bundle to write, such as my-bundles/so101")
    if (
        folder.exists()
        and not (folder / MANIFEST_FILE).exists()
        and not (folder.is_dir() and not any(folder.iterdir()))
    ):
        raise RefusedError(f"{folder} is there, and is no bundle: it would be replaced; name another, or move it away")
    folder.parent.mkdir(parents=True, exist_ok=True)


def _require_pins(pinned: Sequence[str], source: Path, manifest: BundleManifest) -> None:
    """Refuse a name that no block has, before frames are gathered; raises ConfigError with names that are like it."""
    from export.quantise.blocks import blocks_of
    from export.quantise.graph_files import read_graph
    from export.quantise.units import units_of
    from interfaces.graph_contract import files_of

    models = {graph: read_graph(source / file.file) for graph, file in files_of(manifest.artefact("fp32")).items()}
    units_of({graph: blocks_of(model, "cpu-int8") for graph, model in models.items()}, pinned)


def _fp32_bundle(arguments: argparse.Namespace, folder: Path, start_stage: StartStage) -> tuple[Path, BundleManifest]:
    """Return the source as a bundle: what it is already, or what torch is exported to."""
    from dataclasses import replace

    from interfaces.bundle_manifest import MANIFEST_FILE, load_manifest

    if (Path(arguments.source) / MANIFEST_FILE).exists():
        return Path(arguments.source), load_manifest(Path(arguments.source))
    from export.bundle_writer import write_bundle
    from export.policy_source import load_source
    from export.provenance import provenance_of_this_tree

    policy = load_source(arguments.source)
    tell = start_stage("torch to ONNX, and one against the other")
    tell(0, 1, "some seconds, for large networks minutes")
    provenance = provenance_of_this_tree(f"forerun export {arguments.source} {arguments.bundle}", arguments.trained_on)
    written = folder / arguments.bundle.name if arguments.precisions else arguments.bundle
    manifest = write_bundle(policy, provenance, written)
    tell(1, 1, "")
    return written, replace(manifest)


def _refinement(
    arguments: argparse.Namespace, source: Path, manifest: BundleManifest, start_stage: StartStage
) -> Refinement:
    from bench.closed_loop.gate import GateRun, play, successes, why_not_played
    from bench.latency.rank import fastest_first
    from bench.samples.from_simulator import CALIBRATION_SEED, HELDOUT_SEED
    from export.gates.limits import FRAMES_MIN
    from export.refine import Refinement, require_fit
    from interfaces.robot_config import load_robot
    from runtime.policy.open_engine import open_engine

    if arguments.pin:
        _require_pins(arguments.pin, source, manifest)
    calibration = _samples(arguments, "calibration", source, 400, CALIBRATION_SEED, start_stage)
    heldout = _samples(arguments, "heldout", source, FRAMES_MIN, HELDOUT_SEED, start_stage)
    require_fit(heldout, f"--heldout {arguments.heldout or ''}".strip(), FRAMES_MIN)
    why_not = "--no-closed-loop" if arguments.no_closed_loop else why_not_played(manifest, load_robot(arguments.robot))

    def played(folder: Path, precision: Precision, progress: Callable[[int, int, str], None]) -> Outcomes:
        run = GateRun(
            robot_file=arguments.robot,
            bundle=folder,
            tasks=manifest.instructions,
            workers=arguments.workers,
            n_seeds=arguments.seeds,
        )
        return successes(play(run, precision, progress))

    return Refinement(
        precisions=tuple(arguments.precisions),
        calibration=calibration,
        heldout=heldout,
        pinned=frozenset(arguments.pin),
        open_engine=lambda path, spec: open_engine(path, path.name, spec, arguments.workers),
        rank=fastest_first,
        play=why_not or played,
        start_stage=start_stage,
        threads=arguments.workers,
        keep_fp32=not arguments.no_fp32,
    )


def _samples(
    arguments: argparse.Namespace, which: str, source: Path, count: int, first_seed: int, start_stage: StartStage
) -> Samples:
    """Return the frames of a file, or frames from the simulator, where the policy acts in fp32."""
    from bench.samples.from_simulator import SimulatorPlan, gather_from_simulator
    from interfaces.bundle_manifest import load_manifest
    from interfaces.sample_file import check_samples, input_tensors, read_samples

    file: Path | None = getattr(arguments, which)
    if file is not None:
        manifest, samples = load_manifest(source), read_samples(file)
        # Frames that were gathered with another policy may hold more: the age of its foresight, its noise.
        wanted = {tensor.name for tensor in input_tensors(manifest)}
        samples = {name: rows for name, rows in samples.items() if name in wanted}
        check_samples(str(file), samples, manifest)
        return samples
    plan = SimulatorPlan(
        robot_file=arguments.robot,
        bundle=source,
        n_samples=count,
        first_seed=first_seed,
        workers=arguments.workers,
        precision="fp32",
    )
    return gather_from_simulator(plan, start_stage(f"{_SAMPLES_TITLE[which]} frames from the simulator"))
