"""A bundle that is newly in charge proves itself, or is told to have failed: the shelf then gives the next start the one before it."""

from __future__ import annotations

import logging
from datetime import datetime
from pathlib import Path

from runtime.bundles.run_choice import PASSED_AFTER_S, BundleRun, begin_run

_log = logging.getLogger(__name__)
_NOT_FINITE_MAX = 30  # a second of refused chunks: what a bundle computes from finite inputs is its own


class BundleTrial:
    """The bundle of the shelf that this process runs, if it runs one; also one that is proven may turn out to be spoilt."""

    def __init__(self, run: BundleRun | None) -> None:
        self._run = run
        self.on_trial = run is not None and run.on_trial
        self._t_ready_ns: int | None = None
        if run is not None:
            log = _log.warning if run.fallback else _log.info
            log("%s", run.said, extra={"event": "bundle"})

    @property
    def folder(self) -> Path | None:
        """Return where the bundle lies; None where the robot file's is to be run."""
        return None if self._run is None else self._run.folder

    @property
    def fallback(self) -> bool:
        """Return whether it is run because the one in charge cannot be."""
        return self._run is not None and self._run.fallback

    def blame(self, why: str) -> bool:
        """Note that the bundle is bad; return False where there is none of the shelf to blame."""
        if self._run is None:
            return False
        self.on_trial = False
        self._run.failed(why)
        extra = {"event": "bundle"}
        _log.error(
            "bundle %s failed, and is not run again before it is activated: %s", self._run.name, why, extra=extra
        )
        return True

    def look(self, t_now_ns: int, *, works: bool, n_not_finite: int) -> str:
        """Note how it does, a few times a second; return why it is to be left, or nothing.

        `works`: the process is ready, and every loop goes on; `n_not_finite`: chunks refused because they were no numbers.
        """
        if self._run is None or not self.on_trial:
            return ""
        if n_not_finite >= _NOT_FINITE_MAX:
            why = f"{n_not_finite} chunks of it were not finite"
            self.blame(why)
            return why
        if not works:
            self._t_ready_ns = None
        elif self._t_ready_ns is None:
            self._t_ready_ns = t_now_ns
        elif t_now_ns - self._t_ready_ns >= PASSED_AFTER_S * 1e9:
            self.on_trial = False
            self._run.passed()
            _log.info("bundle %s passed its trial of %g s", self._run.name, PASSED_AFTER_S, extra={"event": "bundle"})
        return ""


def begin_trial(shelf: Path | None, now: datetime) -> BundleTrial:
    """Return the trial of the bundle that the shelf, if there is one, has this start run; raises BundleError where all are bad."""
    return BundleTrial(None if shelf is None else begin_run(shelf, now))
