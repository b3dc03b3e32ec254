"""What a person may look at: the newest picture as a small JPEG, and the foresight as numbers to draw; each fits one reply.

Made in the thread that answers requests, and never twice of one frame: cameras and inference do nothing for it.
"""

from __future__ import annotations

import base64
import io
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from interfaces.errors import RefusedError
from interfaces.messages import ContextTokens, Foresight, Frame, Rgb
from runtime.policy.board import PolicyBoard

JPEG_MAX_BYTES = 40_000  # 53 kB in base64: within REPLY_MAX_BYTES of interfaces/request_socket.py
PICTURE_PAUSE_NS = (
    200_000_000  # a picture or foresight is made ready at most so often; whoever asks earlier gets the last again
)
_WIDTH_MAX_PX, _HEIGHT_MAX_PX = 640, 480
_QUALITIES = (80, 60, 40)
_ROWS_MAX = _COLUMNS_MAX = 64
_DECIMALS = 3

Shown = dict[str, Any]


class _Encoded(NamedTuple):
    t_ns: int
    frame: Frame
    shown: Shown


class _Drawn(NamedTuple):
    t_ns: int
    foresight: Foresight
    shown: Shown


class Look:
    """Shows what is on the board; for one thread."""

    def __init__(self, board: PolicyBoard) -> None:
        self._board = board
        self._pictures: dict[str, _Encoded] = {}  # the last of each camera
        self._foresight: _Drawn | None = None

    def picture(self, camera: str | None, t_now_ns: int) -> Shown:
        """Return the newest picture of a camera, None for the first; raises RefusedError where there is none.

        It is shown also where the policy does not see it: frozen, or from a camera that does not stand where it should.
        """
        names = list(self._board.cameras)
        name = names[0] if camera is None and names else camera
        if name is None or name not in names:
            raise RefusedError(f"camera {camera!r}; the policy sees through {', '.join(names) or 'none'}")
        frame = self._board.cameras[name].frame
        if frame is None:
            raise RefusedError(f"camera {name}: no picture yet")
        encoded = self._pictures.get(name)
        if encoded is None or (frame is not encoded.frame and t_now_ns - encoded.t_ns >= PICTURE_PAUSE_NS):
            encoded = self._pictures[name] = _Encoded(t_now_ns, frame, _picture(frame))
        return {**encoded.shown, "age_ms": _ms(t_now_ns - encoded.frame.t_capture_ns)}

    def foresight(self, t_now_ns: int) -> Shown:
        """Return the newest foresight; raises RefusedError where there is none."""
        newest = self._board.foresights.newest()
        if newest is None:
            raise RefusedError("no foresight yet: nothing is followed, or there are no pictures")
        drawn = self._foresight
        if drawn is None or (newest.value is not drawn.foresight and t_now_ns - drawn.t_ns >= PICTURE_PAUSE_NS):
            drawn = self._foresight = _Drawn(t_now_ns, newest.value, _foresight(newest.value))
        return {**drawn.shown, "age_ms": _ms(t_now_ns - drawn.foresight.t_capture_ns)}


def _foresight(foresight: Foresight) -> Shown:
    n_tokens, token_dim = foresight.tokens.shape
    rows, columns = -(-n_tokens // _ROWS_MAX), -(-token_dim // _COLUMNS_MAX)
    return {
        "sequence": foresight.sequence,
        "instruction": foresight.instruction,
        "n_tokens": n_tokens,
        "token_dim": token_dim,
        "tokens_per_row": rows,
        "features_per_column": columns,
        "tokens": _numbers(_averaged(foresight.tokens, rows, columns)),
    }


def _picture(frame: Frame) -> Shown:
    jpeg, (width_px, height_px) = _jpeg(frame.rgb)
    return {
        "camera": frame.camera,
        "number": frame.number,
        "width_px": width_px,
        "height_px": height_px,
        "jpeg": base64.b64encode(jpeg).decode(),
    }


def _jpeg(rgb: Rgb) -> tuple[bytes, tuple[int, int]]:
    """Return the picture, small enough, and its (width, height)."""
    picture = Image.fromarray(rgb)
    factor = max(-(-picture.width // _WIDTH_MAX_PX), -(-picture.height // _HEIGHT_MAX_PX))
    while True:
        smaller = picture.reduce(factor) if factor > 1 else picture
        for quality in _QUALITIES:
            encoded = io.BytesIO()
            smaller.save(encoded, "JPEG", quality=quality)
            if encoded.tell() <= JPEG_MAX_BYTES:
                return encoded.getvalue(), smaller.size
        factor *= 2  # a picture of nothing but noise


def _averaged(tokens: ContextTokens, rows: int, columns: int) -> ContextTokens:
    """Return the means of blocks of so many rows and columns; those at the end may be smaller."""
    if rows == columns == 1:
        return tokens
    return _mean_of_rows(_mean_of_rows(tokens, rows).T, columns).T


def _mean_of_rows(values: ContextTokens, step: int) -> ContextTokens:
    """Return the mean of each `step` rows."""
    starts = np.arange(0, len(values), step)
    sums = np.add.reduceat(values, starts, axis=0)
    return (sums / np.diff(starts, append=len(values))[:, None]).astype(np.float32)


def _numbers(values: ContextTokens) -> list[list[float | None]]:
    """Return rounded numbers; null stands for what is not finite, which JSON does not know."""
    return [[round(value, _DECIMALS) if np.isfinite(value) else None for value in row] for row in values.tolist()]


def _ms(duration_ns: int) -> float:
    return round(duration_ns * 1e-6, 1)
