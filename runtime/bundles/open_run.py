"""Opening what a start runs: the bundle that is chosen, checked; and where it turns out bad, the next one at once."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

from interfaces.errors import BundleError, ConfigError, UnfitError
from interfaces.robot_config import RobotConfig
from interfaces.trusted_path import Trust
from runtime.bundles.run_choice import BundleRun, begin_run
from runtime.policy.bundle import LoadedBundle, open_bundle

_log = logging.getLogger(__name__)


def open_run(state: Path, robot: RobotConfig, now: datetime) -> tuple[BundleRun, LoadedBundle] | None:
    """Return the bundle of the shelf `state` that this start runs, open; None where the shelf has nobody in charge.

    One that does not open is noted as failed, and the one before it is tried. Raises BundleError when none is left, or the shelf
    cannot be read; UnfitError when the bundle is made for another robot than `robot`: nothing is noted against it then, for it
    was fit when it was activated, so the robot file was changed. One that is being opened when the process is asked to end has
    this start taken back.
    """
    bad: dict[str, str] = {}
    while True:
        run = begin_run(state, now, bad)
        if run is None:
            return None
        (_log.warning if run.fallback or run.on_trial else _log.info)("%s", run.said)
        try:
            return run, open_bundle(run.folder, robot, Trust(root=state))
        except UnfitError:
            raise
        except SystemExit:  # asked to end meanwhile
            run.ended_well()
            raise
        except (BundleError, ConfigError) as error:
            _log.error("bundle %s does not open: %s", run.name, error)
            bad[run.name] = str(error)
            run.failed(str(error))
