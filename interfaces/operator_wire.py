"""What a person may ask of the command process, and what it answers: datagrams of one size. Pure: bytes <-> messages, no I/O."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum

import numpy as np

from interfaces.errors import ProtocolError
from interfaces.messages import CommandState
from interfaces.wire import HEADER, MAGIC, VERSION, parse

KIND_ORDER = 20
KIND_ANSWER = 21
MAX_TEXT = 160  # bytes

_ORDER_LAYOUT = np.dtype([*HEADER, ("order", "<u2"), ("why", f"S{MAX_TEXT}")])
_ANSWER_LAYOUT = np.dtype([*HEADER, ("done", "<u2"), ("state", "<u2"), ("text", f"S{MAX_TEXT}")])
ORDER_BYTES, ANSWER_BYTES = _ORDER_LAYOUT.itemsize, _ANSWER_LAYOUT.itemsize


class Order(IntEnum):
    """What may be asked."""

    STATUS = 0
    ESTOP = 1
    CLEAR = 2
    REPORT = 3  # answered with a CommandReport instead


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorOrder:
    """One order of a person, or of a button that a person pressed."""

    order: Order
    why: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OperatorAnswer:
    """Whether the order was carried out, and the state it led to."""

    done: bool
    state: CommandState
    text: str  # why it is in this state, or why the order was not carried out


def encode_order(order: OperatorOrder) -> bytes:
    """Return the bytes of an order; a reason that is too long is cut."""
    record = np.zeros(1, _ORDER_LAYOUT)
    record["magic"], record["version"], record["kind"] = MAGIC, VERSION, KIND_ORDER
    record["order"], record["why"] = int(order.order), order.why.encode()[:MAX_TEXT]
    return record.tobytes()


def decode_order(data: bytes) -> OperatorOrder:
    """Return the order in `data`; raises ProtocolError on anything that is not one."""
    record = parse(_ORDER_LAYOUT, KIND_ORDER, data)
    try:
        order = Order(int(record["order"]))
    except ValueError as error:
        raise ProtocolError(f"an unknown order, {int(record['order'])}") from error
    return OperatorOrder(order=order, why=bytes(record["why"]).decode(errors="replace"))


def encode_answer(answer: OperatorAnswer) -> bytes:
    """Return the bytes of an answer; a text that is too long is cut."""
    record = np.zeros(1, _ANSWER_LAYOUT)
    record["magic"], record["version"], record["kind"] = MAGIC, VERSION, KIND_ANSWER
    record["done"], record["state"] = int(answer.done), int(answer.state)
    record["text"] = answer.text.encode()[:MAX_TEXT]
    return record.tobytes()


def decode_answer(data: bytes) -> OperatorAnswer:
    """Return the answer in `data`; raises ProtocolError on anything that is not one."""
    record = parse(_ANSWER_LAYOUT, KIND_ANSWER, data)
    try:
        state = CommandState(int(record["state"]))
    except ValueError as error:
        raise ProtocolError(f"an answer with the unknown state {int(record['state'])}") from error
    return OperatorAnswer(done=bool(record["done"]), state=state, text=bytes(record["text"]).decode(errors="replace"))
