"""What a person or a program may ask of the policy process, over the request socket (interfaces/request_socket.py).

{"follow": "push"}         follow an instruction of the bundle, or "rest"
{"follow": null}           follow nothing: no chunks, the arm holds
{"status": true}           change nothing
{"snapshot": "seen.npz"}   write the newest picture, joints and chunk to that file in the working directory
reply                      the status, or {"error": "..."} for a request that makes no sense or is refused

{"picture": "front"}       the newest picture of that camera, of the first where it says true; at most five new ones a second
reply                      {"camera": "front", "number": 812, "age_ms": 31.2, "width_px": 424, "height_px": 240, "jpeg": base64}
{"foresight": true}        the newest context tokens, rounded, as often; of many, means of blocks, so that there are 64 x 64 at most
reply                      {"sequence": 96, "instruction": "push", "age_ms": 48.0, "n_tokens": 8, "token_dim": 32,
                           "tokens_per_row": 1, "features_per_column": 1, "tokens": [[0.123, ...], ...]}
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from interfaces.errors import ProtocolError
from interfaces.request_socket import JsonObject


@dataclass(frozen=True, slots=True)
class Follow:
    """A request to follow an instruction; None follows nothing."""

    instruction: str | None


@dataclass(frozen=True, slots=True)
class AskStatus:
    """A request that changes nothing."""


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """A request to write what the policy sees and means to do."""

    file: str  # name in the working directory


@dataclass(frozen=True, slots=True)
class ShowPicture:
    """A request for the newest picture; None means the first camera."""

    camera: str | None


@dataclass(frozen=True, slots=True)
class ShowForesight:
    """A request for the newest foresight."""


Request = Follow | AskStatus | TakeSnapshot | ShowPicture | ShowForesight


def parse_request(request: JsonObject) -> Request:
    """Return what a JSON object asks for; raises ProtocolError on anything that is not a request."""
    match request:
        case {"follow": None | str() as instruction, **rest} if not rest:
            return Follow(instruction)
        case {"status": True, **rest} if not rest:
            return AskStatus()
        case {"snapshot": str(file), **rest} if not rest and _is_snapshot(file):
            return TakeSnapshot(file)
        case {"picture": True | str() as camera, **rest} if not rest:
            return ShowPicture(None if camera is True else camera)
        case {"foresight": True, **rest} if not rest:
            return ShowForesight()
        case _:
            raise ProtocolError(
                f'{request!s:.80}; expected one of {{"follow": instruction or null}}, {{"status": true}},'
                ' {"snapshot": "name.npz"}, {"picture": camera or true}, {"foresight": true}'
            )


def _is_snapshot(file: str) -> bool:
    """Return whether it is a plain name that a file can have: no folder, nothing that cannot be written down."""
    return file.endswith(".npz") and file.isprintable() and Path(file).name == file
