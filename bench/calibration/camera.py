"""How true the lenses are that `forerun calibrate camera` finds: simulated cameras whose true lens is known.

    python -m bench.calibration.camera --trials 3

Each trial is the whole program: the board shown by hand on a virtual clock, pictures rendered through the true lens, the record
read back. A camera says of itself what it was designed to be; what it truly is stands in the table's first columns.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from bench.workplace.board_shown import show_well
from bench.workplace.simulated_workplace import SimulatedWorkplace
from calibration.camera import program
from calibration.records.store import RecordStore
from interfaces.calibration.camera import CameraRecord
from interfaces.robot_config import load_robot
from sim.camera.renderer import focal_length_px
from sim.truth import Truth

NO_DISTORTION = (0.0,) * 5
D435_LIKE = (0.05, -0.12, 0.0006, -0.0004, 0.0)
WEBCAM_LIKE = (-0.22, 0.08, 0.001, 0.0005, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class TrueLens:
    """What a camera truly is, beside what it says."""

    focal_ratio: float = 1.0
    centre_shift_px: tuple[float, float] = (0.0, 0.0)
    distortion: tuple[float, ...] = NO_DISTORTION
    image_noise: float = 2.0
    blur_px: float = 0.6

    @property
    def is_as_told(self) -> bool:
        """Return whether the maker's values are right."""
        return self.focal_ratio == 1.0 and not any(self.centre_shift_px) and not any(self.distortion)


LENSES = (
    TrueLens(),
    TrueLens(image_noise=8.0),
    TrueLens(focal_ratio=1.02),
    TrueLens(focal_ratio=0.98, image_noise=8.0),
    TrueLens(focal_ratio=1.02, distortion=D435_LIKE),
    TrueLens(distortion=WEBCAM_LIKE, centre_shift_px=(6.0, -4.0)),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one trial found, against the truth."""

    source: str  # "" where nothing was written
    focal_error_ratio: float
    centre_error_px: float
    rms_px: float


def trial(lens: TrueLens, size_px: tuple[int, int], seed: int, folder: Path) -> Outcome:
    """Calibrate one camera, and compare."""
    truth = Truth(
        width_px=size_px[0],
        height_px=size_px[1],
        focal_ratio=lens.focal_ratio,
        centre_shift_px=lens.centre_shift_px,
        distortion=lens.distortion,
        image_noise=lens.image_noise,
        blur_px=lens.blur_px,
    )
    simulated = SimulatedWorkplace(load_robot(Path("robots/simulated.toml")), truth, folder=folder, seed=seed)
    show_well(simulated, seed)
    parser = argparse.ArgumentParser()
    program.add_arguments(parser)
    name = simulated.robot.cameras[0].name
    status = program.run(simulated.workplace, parser.parse_args(["--camera", name, "--square-mm", "30"]))
    record = RecordStore(simulated.workplace.records).current("camera", name)
    if status != 0 or not isinstance(record, CameraRecord):
        return Outcome(source="", focal_error_ratio=np.nan, centre_error_px=np.nan, rms_px=np.nan)
    found = record.intrinsics
    focal_px = lens.focal_ratio * focal_length_px(size_px[1])
    true_centre_px = (np.array(size_px) - 1) / 2 + lens.centre_shift_px
    errors = np.array([found.focal_x_px, found.focal_y_px]) / focal_px - 1.0
    return Outcome(
        source=record.source,
        focal_error_ratio=float(np.abs(errors).max()),
        centre_error_px=float(np.linalg.norm([found.centre_x_px, found.centre_y_px] - true_centre_px)),
        rms_px=record.header.checks[0].value,
    )


def table_of(rows: Sequence[tuple[TrueLens, list[Outcome]]], size_px: tuple[int, int]) -> Table:
    """Return the table: for each lens the worst of its trials."""
    table = Table(title=f"calibrate camera, {size_px[0]}x{size_px[1]}; errors are the worst of all trials")
    for column in ("focal", "centre px", "k1 k2", "noise", "expected", "right", "focal %", "centre px", "rms px"):
        table.add_column(column, justify="right")
    for lens, outcomes in rows:
        expected = "factory" if lens.is_as_told else "estimated"
        right = sum(outcome.source == expected for outcome in outcomes)
        table.add_row(
            f"{lens.focal_ratio:.2f}",
            "{:g} {:g}".format(*lens.centre_shift_px),
            "{:g} {:g}".format(*lens.distortion[:2]),
            f"{lens.image_noise:g}",
            expected,
            f"{right}/{len(outcomes)}",
            f"{1e2 * max(outcome.focal_error_ratio for outcome in outcomes):.3f}",
            f"{max(outcome.centre_error_px for outcome in outcomes):.2f}",
            f"{max(outcome.rms_px for outcome in outcomes):.3f}",
        )
    return table


def main() -> int:
    """Run the trials, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=3, help="of each lens (3)")
    parser.add_argument("--size", default="640x360", help="of the pictures (640x360)")
    arguments = parser.parse_args()
    width, height = (int(side) for side in arguments.size.split("x"))
    console = Console(width=120)
    rows: list[tuple[TrueLens, list[Outcome]]] = []
    for lens in LENSES:
        outcomes: list[Outcome] = []
        for seed in range(arguments.trials):
            with tempfile.TemporaryDirectory() as folder:
                outcomes.append(trial(lens, (width, height), seed, Path(folder)))
            console.print(lens, outcomes[-1], highlight=False)
        rows.append((lens, outcomes))
    console.print(table_of(rows, (width, height)))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
