"""A bundle that is newly in charge proves itself, or is noted as failed: the shelf then gives the next start the one before it.

Where nobody lets it act it passes by its parity and by working on what it sees. What it computes is judged when it does act: its first
chunks may fail it also after it passed.
"""

from __future__ import annotations

import logging

from runtime.bundles.run_choice import PASSED_AFTER_S, BundleRun

_log = logging.getLogger(__name__)
_NOT_FINITE_MAX = 30  # a second of refused chunks: what a bundle computes from finite inputs is its own


class BundleTrial:
    """What becomes of the start of a bundle of the shelf; nothing where the bundle is that of the robot file."""

    def __init__(self, run: BundleRun | None = None) -> None:
        """`run` is the start of a bundle that is open by now."""
        self._run = run
        self._passed = run is None or not run.on_trial
        self._failed = False
        self._unseen = run is not None and run.unseen  # what it computes
        self._t_works_ns: int | None = None  # since when all goes on

    @property
    def on_trial(self) -> bool:
        """Return whether it has yet to prove itself."""
        return not self._passed and not self._failed

    @property
    def fallback(self) -> bool:
        """Return whether it is run because the one in charge cannot be."""
        return self._run is not None and self._run.fallback

    def ended_well(self) -> None:
        """Take the start back: the process was asked to end, and nothing had failed. To be called once."""
        if self._run is not None and self.on_trial:
            self._run.ended_well()

    def look(self, t_now_ns: int, *, works: bool, n_not_finite: int, acted: bool) -> str:
        """Note how it does, a few times a second; return why another is to be run instead, or nothing.

        `works`: the process is ready, sees, and every loop goes on; `n_not_finite`: chunks refused because they were no numbers;
        `acted`: it made one that was not.
        """
        run = self._run
        if run is None or not (self.on_trial or (self._unseen and not self._failed)):
            return ""
        if n_not_finite >= _NOT_FINITE_MAX:
            why = f"{n_not_finite} of its chunks were not finite"
            self._failed = True
            run.failed(why)
            _log.error("bundle %s failed its trial: %s", run.name, why, extra={"event": "bundle"})
            return why
        if self._unseen and acted:
            self._unseen = False  # noted once in a start: where it cannot be, the next start does
            run.followed()
        if self.on_trial:
            self._count_work(run, t_now_ns, works=works)
        return ""

    def _count_work(self, run: BundleRun, t_now_ns: int, *, works: bool) -> None:
        """Note that it passed once it worked for long enough at a stretch."""
        if not works:
            self._t_works_ns = None
        elif self._t_works_ns is None:
            self._t_works_ns = t_now_ns
        elif t_now_ns - self._t_works_ns >= PASSED_AFTER_S * 1e9:
            self._t_works_ns = t_now_ns  # where it could not be noted, it is tried again as long after
            self._passed = run.passed()
            if self._passed:
                _log.info("bundle %s passed its trial of %g s", run.name, PASSED_AFTER_S, extra={"event": "bundle"})
