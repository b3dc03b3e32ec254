"""The cycles of a flight as arrays, one row a period; NaN where there was nothing. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from interfaces.flight import CommandCycle
from runtime.flight.record import FlightRecord

Column = NDArray[np.float64]  # (cycle,)
Instants = NDArray[np.int64]  # (cycle,)
Rows = NDArray[np.float64]  # (cycle, joint)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What the figures and plots are made of."""

    t_zero_ns: int  # the flight's first instant; all `_s` count from there
    period_ns: int
    sequence: Instants
    t_sent_ns: Instants  # 0 where nothing was sent
    t_measured_ns: Instants  # 0 where never measured
    late_ms: Column  # of the command after its beat
    bus_ms: Column
    period_error_ms: Column  # of the time since the command before, signed; NaN after a gap of the record
    frame_age_ms: Column
    foresight_age_ms: Column
    missed: Instants
    commanded_rad: Rows
    measured_rad: Rows
    effort_ratio: Rows
    voltage_v: Rows
    temperature_degc: Rows

    @property
    def sent(self) -> NDArray[np.bool_]:
        """Return where a command was sent."""
        return self.t_sent_ns > 0

    @property
    def t_s(self) -> Column:
        """Return the time of each command, NaN where none was sent."""
        return np.where(self.sent, self.since_start_s(self.t_sent_ns), np.nan)

    def since_start_s(self, t_ns: Instants | int) -> Column:
        """Return instants in seconds of the flight."""
        return np.asarray((np.asarray(t_ns) - self.t_zero_ns) * 1e-9, np.float64)


def series_of(record: FlightRecord) -> Series:
    """Return the cycles of a record as arrays."""
    cycles, n_joints = record.cycles, len(record.robot.arm.joints)
    t_sent_ns, sequence = _instants(cycles, "t_sent_ns"), _instants(cycles, "sequence")
    sent = t_sent_ns > 0
    return Series(
        t_zero_ns=cycles[0].t_woke_ns if cycles else 0,
        period_ns=record.robot.arm.period_ns,
        sequence=sequence,
        t_sent_ns=t_sent_ns,
        t_measured_ns=np.array([0 if c.joints is None else c.joints.t_measured_ns for c in cycles], np.int64),
        late_ms=np.where(sent, (t_sent_ns - _instants(cycles, "t_deadline_ns")) * 1e-6, np.nan),
        bus_ms=np.where(sent, (_instants(cycles, "t_done_ns") - t_sent_ns) * 1e-6, np.nan),
        period_error_ms=_period_error_ms(t_sent_ns, sequence, record.robot.arm.period_ns),
        frame_age_ms=_age_ms(cycles, "frame_age_ns"),
        foresight_age_ms=_age_ms(cycles, "foresight_age_ns"),
        missed=_instants(cycles, "missed"),
        commanded_rad=np.where(sent[:, None], _rows([c.commanded_rad for c in cycles], n_joints), np.nan),
        measured_rad=_measured(cycles, "position_rad", n_joints),
        effort_ratio=_measured(cycles, "effort_ratio", n_joints),
        voltage_v=_measured(cycles, "voltage_v", n_joints),
        temperature_degc=_measured(cycles, "temperature_degc", n_joints),
    )


def _period_error_ms(t_sent_ns: Instants, sequence: Instants, period_ns: int) -> Column:
    if len(sequence) == 0:
        return np.empty(0)
    together = (t_sent_ns[1:] > 0) & (t_sent_ns[:-1] > 0) & (np.diff(sequence) == 1)
    return np.concatenate([[np.nan], np.where(together, (np.diff(t_sent_ns) - period_ns) * 1e-6, np.nan)])


def _age_ms(cycles: tuple[CommandCycle, ...], name: str) -> Column:
    age_ns = _instants(cycles, name)
    return np.where(age_ns >= 0, age_ns * 1e-6, np.nan)


def _instants(cycles: tuple[CommandCycle, ...], name: str) -> Instants:
    return np.array([getattr(cycle, name) for cycle in cycles], np.int64)


def _measured(cycles: tuple[CommandCycle, ...], name: str, n_joints: int) -> Rows:
    nothing = np.full(n_joints, np.nan)
    return _rows([nothing if cycle.joints is None else getattr(cycle.joints, name) for cycle in cycles], n_joints)


def _rows(vectors: list[NDArray[np.float64]], n_joints: int) -> Rows:
    return np.array(vectors, np.float64).reshape(len(vectors), n_joints)
