"""Which of the simulator's tasks a policy is let play: those asked for, or all that it was trained for."""

from __future__ import annotations

from collections.abc import Sequence

from forerun.defaults import TASKS
from interfaces.bundle_manifest import BundleManifest
from interfaces.errors import RefusedError


def tasks_to_play(asked: Sequence[str] | None, manifest: BundleManifest) -> tuple[str, ...]:
    """Return the tasks asked for, or all that both policy and simulator know; RefusedError where the policy knows one not, or none."""
    known = tuple(task for task in TASKS if task in manifest.instructions)
    strange = [task for task in asked or () if task not in known]
    if strange:
        raise RefusedError(
            f"{manifest.name} has not learnt {', '.join(strange)}, only {', '.join(manifest.instructions)}"
        )
    if not known:
        learnt = ", ".join(manifest.instructions)
        raise RefusedError(f"{manifest.name} has learnt {learnt}, none of the simulator's tasks ({', '.join(TASKS)})")
    return tuple(dict.fromkeys(asked)) if asked else known
