"""What a running robot sees and feels, asked of its policy process: that one owns the cameras, and goes on meanwhile."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import numpy as np

from interfaces.errors import BundleError, RefusedError
from interfaces.request_socket import RequestClient
from interfaces.trusted_path import Trust, read_trusted
from runtime.bundles.dry_run import LiveSample
from runtime.policy.parity import read_parity

SNAPSHOT = "bundle-dry-run.npz"  # the policy process writes it into its working directory
_SIZE_MAX_BYTES = 500_000_000


def policy_answers(control: Path) -> str:
    """Return "" when a policy process answers at the socket `control`, else why not."""
    try:
        RequestClient(control, timeout_s=1.0).close()
    except RefusedError as error:
        return str(error)
    return ""


def live_samples(control: Path, folder: Path, n_joints: int, *, n_samples: int, seconds: float) -> Iterator[LiveSample]:
    """Yield `n_samples` samples, spread over so many seconds, from the policy process at `control` that works in `folder`.

    Raises RefusedError when it ends, or has no picture in that time.
    """
    t_end_s = _now_s() + 2 * seconds
    with RequestClient(control) as client:
        for number in range(n_samples):
            if number:
                time.sleep(seconds / n_samples)
            while True:
                reply = client.request({"snapshot": SNAPSHOT})
                if "error" not in reply:
                    break
                if _now_s() > t_end_s:
                    raise RefusedError(f"the running policy gives no picture: {reply['error']}")
                time.sleep(0.1)
            yield _sample(folder / SNAPSHOT, list(cast("dict[str, Any]", reply["cameras"])), n_joints)


def _sample(path: Path, cameras: list[str], n_joints: int) -> LiveSample:
    """Return what the file holds, and remove it; whatever is in it, this fails only as it says.

    Its folder is the service's: no link is followed, no object made of what is read. Raises RefusedError.
    """
    try:
        # Strictly would be too much: it belongs to the service, and root may be the one who asks.
        if path.is_symlink():
            raise RefusedError(f"{path}: is a link; no snapshot of the policy's")
        arrays = read_parity(str(path), read_trusted(path, Trust(), _SIZE_MAX_BYTES))
    except (OSError, BundleError) as error:
        raise RefusedError(f"{path}: no snapshot that can be read: {error}") from error
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
    names = {f"rgb_{name}" if number else "rgb": name for number, name in enumerate(cameras)}
    rgb = {name: arrays[key] for key, name in names.items() if key in arrays}
    joints = arrays.get("joints_rad", np.zeros(0))
    if (
        joints.shape != (n_joints,)
        or joints.dtype.kind != "f"
        or any(array.dtype != np.uint8 for array in rgb.values())
    ):
        raise RefusedError(f"{path}: no snapshot of this robot: joints {joints.dtype} {joints.shape}")
    return LiveSample(rgb, joints.astype(np.float64))


def _now_s() -> float:
    return time.clock_gettime(time.CLOCK_MONOTONIC)
