"""Servos on a serial line: who answers, at which rate. Only questions are sent: ping and read; nothing moves, nothing is written.

Quick: everybody is asked at once, at each rate of each family, and servos answer one after the other. Where anything at all
came back, each id is then asked by itself, since answers may have collided; where nothing did, the lowest ids are, at the
factory's rate, for servos that do not answer a call to all. Thorough: each id at each rate, which takes minutes.
Two servos with one id answer as one, or not at all: nobody can tell on the wire.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from drivers.serial.port import BytePort, PortOpener
from interfaces.errors import DeviceError

# Servos hold their answer to a call to all back by their id, up to 3 ms an id (dynamixel-sdk, broadcastPing): enough for ids up to 80.
CALL_WAIT_NS = 250_000_000
CALL_ANSWERS = 32  # more servos on one line have not been seen
ANSWER_WAIT_NS = (
    20_000_000  # a servo's return delay, an adapter that collects bytes for 16 ms, and a machine that is busy
)
TELL_WAIT_NS = 150_000_000  # for a servo that is known to be there
ATTEMPTS = 3
HEADER = b"\xff\xff"  # of both families: without it, what came back was no servo
FIRST_IDS = 21  # 0..20: asked by name where nobody answered the call to all

FamilyName = Literal["feetech", "dynamixel"]
Progress = Callable[[str, float], None]  # (what is done, share of all that is to do)


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundServo:
    """One servo, as it is now."""

    family: FamilyName
    baud_hz: int
    servo_id: int
    model: str  # its maker's name, or "model 1234" where forerun knows none
    known: bool  # forerun knows the model, and so where its values lie
    firmware: str
    encoder_ticks: int | None = None  # position with the homing offset taken off: `home_ticks`, if it were at 0 rad now
    position_ticks: int | None = None  # as the servo tells it
    voltage_v: float | None = None
    temperature_degc: int | None = None
    torque: bool | None = None
    trouble: str = ""  # what the servo reports of itself, in words


class ServoFamily(Protocol):
    """How one family is asked who is there."""

    @property
    def name(self) -> FamilyName:
        """Return the family's name, the robot file's `driver`."""
        ...

    @property
    def label(self) -> str:
        """Return the family's name for people."""
        ...

    @property
    def baud_rates_hz(self) -> Sequence[int]:
        """Return the rates its servos may be set to, the factory's first."""
        ...

    @property
    def ids(self) -> Sequence[int]:
        """Return the ids its servos may have."""
        ...

    @property
    def everybody(self) -> int:
        """Return the id that means all."""
        ...

    @property
    def ping_answer_bytes(self) -> int:
        """Return how long the answer to a ping is."""
        ...

    def ping(self, servo_id: int) -> bytes:
        """Return the question whether a servo is there."""
        ...

    def pinged(self, received: bytes) -> list[int]:
        """Return who answered a ping."""
        ...

    def describe(self, line: ServoLine, servo_id: int) -> FoundServo | None:
        """Return all about one servo; None where it does not answer any more."""
        ...


class ServoLine:
    """A port at one rate, to ask questions on; knows whether the adapter sends our own bytes back."""

    def __init__(self, port: BytePort, baud_hz: int) -> None:
        self._port = port
        self.baud_hz = baud_hz
        self._echo = False

    def call(self, family: ServoFamily) -> bytes:
        """Return what came back when everybody was asked; learns whether the adapter echoes.

        No servo's answer can look like this question, while the ping of one servo is what it answers where its voltage is wrong.
        """
        request = family.ping(family.everybody)
        received = self._exchange(request, len(request) + CALL_ANSWERS * family.ping_answer_bytes, CALL_WAIT_NS)
        self._echo = received.startswith(request)
        return received[len(request) :] if self._echo else received

    def ask(self, request: bytes, count: int, wait_ns: int = TELL_WAIT_NS) -> bytes:
        """Return up to `count` bytes that answer `request`, its echo taken off."""
        if not self._echo:
            return self._exchange(request, count, wait_ns)
        received = self._exchange(request, len(request) + count, wait_ns)
        return received[len(request) :] if received.startswith(request) else b""

    def more(self, count: int) -> bytes:
        """Return up to `count` bytes more of the same answer."""
        return self._port.read(count, self._port.now_ns() + ANSWER_WAIT_NS)

    def _exchange(self, request: bytes, count: int, wait_ns: int) -> bytes:
        port = self._port
        port.discard()
        t_limit_ns = port.now_ns() + wait_ns + round((len(request) + count) * 10e9 / self.baud_hz)
        port.write(request)
        return port.read(count, t_limit_ns)

    def who_answers(self, family: ServoFamily, servo_id: int) -> list[int]:
        """Return the servos that answer a ping of one of them."""
        return family.pinged(self.ask(family.ping(servo_id), family.ping_answer_bytes, ANSWER_WAIT_NS))


@dataclass(slots=True)
class Sweep:
    """What a look at one port brought, also when it was broken off."""

    servos: list[FoundServo] = field(default_factory=list[FoundServo])
    rates_hz: dict[FamilyName, list[int]] = field(default_factory=dict[FamilyName, list[int]])  # that were looked at
    complete: bool = False


def sweep_port(
    path: str,
    families: Sequence[ServoFamily],
    open_port: PortOpener,
    say: Progress,
    *,
    thorough: bool = False,
    into: Sweep | None = None,
) -> Sweep:
    """Return the servos on the port at `path`; raises DeviceError where it cannot be opened."""
    sweep = into or Sweep()
    steps = [(family, baud_hz) for family in families for baud_hz in family.baud_rates_hz]
    for n_done, (family, baud_hz) in enumerate(steps):

        def step_say(what: str, share: float, n_done: int = n_done) -> None:
            say(what, (n_done + share) / len(steps))

        try:
            port = open_port(path, baud_hz)
        except DeviceError:
            if n_done == 0:
                raise
            continue  # a rate that this adapter has not
        try:
            line = ServoLine(port, baud_hz)
            ids = _ids_on(line, family, step_say, thorough=thorough)
            found = [family.describe(line, servo_id) or _silent(family, line, servo_id) for servo_id in ids]
        finally:
            port.close()
        sweep.servos += found
        sweep.rates_hz.setdefault(family.name, []).append(baud_hz)
    sweep.complete = True
    say("done", 1.0)
    return sweep


def _silent(family: ServoFamily, line: ServoLine, servo_id: int) -> FoundServo:
    """Return a servo that answered a ping, and no question after it: it is there, and must not be overlooked."""
    return FoundServo(
        family=family.name,
        baud_hz=line.baud_hz,
        servo_id=servo_id,
        model="unknown",
        known=False,
        firmware="",
        trouble="answers pings only",
    )


def _ids_on(line: ServoLine, family: ServoFamily, say: Progress, *, thorough: bool) -> list[int]:
    """Return the servos of one family that answer at one rate."""
    what = f"{family.label} at {line.baud_hz} baud"
    say(f"{what}: who is there?", 0.0)
    received = line.call(family)
    found = set(family.pinged(received))
    at_factory_rate = line.baud_hz == family.baud_rates_hz[0]
    n_asked = len(family.ids) if HEADER in received or thorough else FIRST_IDS if at_factory_rate else 0
    for servo_id in _followed(family.ids[:n_asked], what, say):
        if servo_id not in found:
            found.update(line.who_answers(family, servo_id))
    return sorted(found)


def _followed(ids: Sequence[int], what: str, say: Progress) -> Iterator[int]:
    for n_done, servo_id in enumerate(ids):
        say(f"{what}: id {servo_id}?", n_done / len(ids))
        yield servo_id
