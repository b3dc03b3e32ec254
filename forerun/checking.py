"""Checks one artefact of a bundle after the other on this machine, each against the same reference."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from interfaces.bundle_artefact import REFERENCES, Artefact, Precision
from interfaces.bundle_manifest import BundleManifest
from interfaces.errors import BundleError, ConfigError, DeviceError
from interfaces.robot_config import RobotConfig
from interfaces.sample_file import Samples, check_samples, read_samples

if TYPE_CHECKING:
    from bench.closed_loop.lockstep import Outcome
    from export.gates.figures import Figures
    from export.gates.recheck import Finding
    from interfaces.bundle_artefact import Gate
    from runtime.policy.bundle import LoadedBundle
    from runtime.policy.inference_choice import Inference

_ITSELF = "is itself what the others are compared with"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClosedLoop:
    """How to play."""

    n_seeds: int
    workers: int


@dataclass(frozen=True, slots=True)
class WholeBundle:
    """A bundle whose files are all what its manifest says, and which fits the robot."""

    folder: Path
    manifest: BundleManifest
    robot_file: Path
    robot: RobotConfig

    def opened(self, inference: Inference) -> LoadedBundle:
        """Open it in one precision; raises BundleError or DeviceError, also where it does not reproduce torch's outputs."""
        from runtime.policy.bundle import open_bundle

        return open_bundle(self.folder, self.robot, inference=inference)

    def heldout(self) -> Samples | str:
        """Return the held-out frames, or why there are none."""
        from runtime.policy.bundle import read_verified

        heldout = self.manifest.heldout
        if heldout is None:
            return "the bundle holds no held-out frames"
        samples = read_samples(read_verified(self.folder, heldout.file, heldout.sha256), heldout.file)
        check_samples(heldout.file, samples, self.manifest)
        return samples


class Checker:
    """Measures one artefact after the other against the same reference."""

    def __init__(self, whole: WholeBundle, closed_loop: ClosedLoop | None, scratch: Path) -> None:
        """Take an empty folder for what has to be made to be measured."""
        self._whole, self._closed_loop, self._scratch = whole, closed_loop, scratch
        self._samples = whole.heldout()
        self._played: dict[Inference, list[Outcome]] = {}
        self._reference: LoadedBundle | None = None
        self.figures: dict[str, Figures] = {}
        self.notes: list[str] = []
        self._why_no_reference = self._open_reference()

    def check(self, inference: Inference) -> tuple[Finding, ...]:
        """Return what is found of one artefact, or of the engines."""
        from export.gates.limits import limits_of
        from export.gates.recheck import Finding, laxer, recheck

        try:
            candidate = self._judged(inference).opened(inference)
        except ImportError as error:
            why = f"a processor judges it with the help of onnx, which is not installed: {error}"
            return (Finding(what="opens", limit=None, at_export=None, here=None, where=why, outcome="skipped"),)
        except (BundleError, DeviceError, ConfigError) as error:
            return (Finding(what="opens", limit=None, at_export=None, here=None, where=str(error), outcome="failed"),)
        precision = artefact_of(candidate)
        own = limits_of(precision)
        exported = next((one.gates for one in self._whole.manifest.artefacts if one.precision == precision), ())
        self.notes += [f"{inference}, {line}" for line in laxer(exported, own)]
        measured, played = self._measure(candidate, inference), self._play(inference)
        return (*_parity(candidate), *recheck(exported, own, measured, played))

    def _judged(self, inference: Inference) -> WholeBundle:
        """Return the bundle as this machine can judge it; raises ImportError where that takes what is not installed."""
        from forerun.judged_copy import make_judged_copy

        if inference != "trt-int8":
            return self._whole
        folder = self._scratch / "judged"
        if not folder.exists():
            make_judged_copy(self._whole.folder, self._whole.manifest, folder)
        return replace(self._whole, folder=folder)

    def _open_reference(self) -> str:
        """Open what the others are compared with; return why that is not possible, "" where it is."""
        has = {artefact.precision for artefact in self._whole.manifest.artefacts}
        for precision in REFERENCES:
            if precision in has:
                try:
                    self._reference = self._whole.opened(precision)
                except (BundleError, DeviceError) as error:
                    return f"the reference does not open: {error}"
                return ""
        return "the bundle has neither fp32 nor fp16 to compare with; parity.npz alone speaks for it"

    def _measure(self, candidate: LoadedBundle, inference: Inference) -> Figures | str:
        from export.gates.end_to_end import EnginePair, measure
        from export.gates.limits import FRAMES_MIN
        from forerun.progress import counting

        reference, samples = self._reference, self._samples
        if reference is None or isinstance(samples, str):
            return self._why_no_reference or str(samples)
        if reference.running == candidate.running:
            return _ITSELF
        figures = measure(
            EnginePair(reference.foresight, reference.action),
            EnginePair(candidate.foresight, candidate.action),
            samples,
            self._whole.manifest.joints,
            counting(f"held-out frames through {candidate.running.words}"),
        )
        self.figures[inference] = figures
        if figures.frames < FRAMES_MIN:
            self.notes.append(f"{figures.frames} held-out frames; forerun's gates are for {FRAMES_MIN} or more")
        return figures

    def _play(self, inference: Inference) -> Gate | str:
        """Return the gate of the closed loop, or why it was not measured."""
        loop = self._closed_loop
        if loop is None:
            return "not played; --closed-loop plays it"
        if self._reference is None:
            return self._why_no_reference
        against = artefact_of(self._reference)
        if inference == against:
            return _ITSELF
        try:
            from bench.closed_loop.gate import successes, why_not_played
            from export.gates.closed_loop import judge_closed_loop
            from export.gates.limits import limits_of
        except ImportError as error:
            return f"the simulator is not installed here: {error}"
        why = why_not_played(self._whole.manifest, self._whole.robot)
        if why:
            return why
        told, found = (successes(self._episodes(each, loop)) for each in (against, inference))
        return judge_closed_loop(told, found, limits_of("cpu-int8"))

    def _episodes(self, inference: Inference, loop: ClosedLoop) -> list[Outcome]:
        from bench.closed_loop.gate import GateRun, play
        from forerun.check_tables import print_successes
        from forerun.progress import counting

        if inference not in self._played:
            run = GateRun(
                robot_file=self._whole.robot_file,
                bundle=self._judged(inference).folder,
                tasks=self._whole.manifest.instructions,
                workers=loop.workers,
                n_seeds=loop.n_seeds,
            )
            self._played[inference] = play(run, inference, counting(f"{inference} in the closed loop"))
            print_successes(inference, self._played[inference])
        return self._played[inference]


def artefact_of(candidate: LoadedBundle) -> Precision:
    """Return under which precision's limits it falls: engines under those of what they were built from."""
    running = candidate.running.of
    if isinstance(running, Artefact):
        return running.precision
    int8 = "int8" in {running.record.foresight.precision, running.record.action.precision}
    return "trt-int8" if int8 else "fp16"


def _parity(candidate: LoadedBundle) -> tuple[Finding, ...]:
    from export.gates.recheck import Finding

    running = candidate.running
    measured = (
        ("parity of tokens", running.foresight_max_abs, candidate.foresight_off),
        ("parity of positions, rad", running.action_max_abs_rad, candidate.action_off_rad),
    )
    return tuple(
        Finding(what=what, limit=limit, at_export=None, here=off, where="against torch", outcome="passed")
        for what, limit, off in measured
    )
