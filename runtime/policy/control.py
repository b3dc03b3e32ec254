"""What a person or a program may ask of the policy process, over the request socket (interfaces/request_socket.py).

{"follow": "push"}         follow an instruction of the bundle, or "rest"
{"follow": null}           follow nothing: no chunks, the arm holds
{"status": true}           change nothing
{"snapshot": "seen.npz"}   write the newest picture, joints and chunk to that file in the working directory
reply                      the status, or {"error": "..."} for a request that makes no sense or is refused
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


Request = Follow | AskStatus | TakeSnapshot


def parse_request(request: JsonObject) -> Request:
    """Return what a JSON object asks for; raises ProtocolError on anything that is not a request."""
    match request:
        case {"follow": None | str() as instruction, **rest} if not rest:
            return Follow(instruction)
        case {"status": True, **rest} if not rest:
            return AskStatus()
        case {"snapshot": str(file), **rest} if not rest and file.endswith(".npz") and Path(file).name == file:
            return TakeSnapshot(file)
        case _:
            raise ProtocolError(
                f'{request!s:.80}; expected one of {{"follow": instruction or null}}, {{"status": true}},'
                ' {"snapshot": "name.npz"}'
            )
