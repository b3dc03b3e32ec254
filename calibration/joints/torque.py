"""Torque as it was: an arm that was held before is held again at the end, however that came."""

from __future__ import annotations

from types import TracebackType

from calibration.session.arm_session import ArmSession
from calibration.session.workplace import Workplace
from interfaces.arm_config import AnyArmConfig
from interfaces.errors import DeviceError, RefusedError


class TorqueBefore:
    """A context in which the arm may be let go."""

    def __init__(self, workplace: Workplace) -> None:
        self._workplace = workplace
        self._before: tuple[bool, ...] = ()
        self.arm: AnyArmConfig = workplace.robot.arm  # with which it is held again

    def let_go(self, before: tuple[bool, ...]) -> None:
        """Remember which motors drove, for they are about to be let go."""
        self._before = before

    def __enter__(self) -> TorqueBefore:
        """Return self."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        """Hold the arm where it is now, where it was held before; say so where that cannot be."""
        if not any(self._before):
            return
        place, say = self._workplace, self._workplace.operator.say
        if not all(self._before):
            names = [name for name, on in zip(self.arm.joint_names, self._before, strict=True) if on]
            say(f"[yellow]The arm is limp; before, {', '.join(names)} had torque, and the others had not.[/]")
            return
        try:
            session = ArmSession(place.make_arm(self.arm), self.arm, place.clock, torque_before=self._before)
            with session:
                session.hold()
        except (DeviceError, RefusedError) as why:
            say(f"[red]The arm is limp, and could not be held again as it was before:[/] {why}")
        else:
            say("The arm is held again, as it was before.")
