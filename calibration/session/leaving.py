"""How an arm that hung limp is left: laid to rest and let go, or, where it does not get there, held until somebody takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from calibration.session.person import Operator
from calibration.session.touch import TouchError

if TYPE_CHECKING:
    from calibration.session.arm_session import ArmSession


def lay_to_rest(arm: ArmSession, operator: Operator | None) -> None:
    """Brake, go to the rest pose, and let go there.

    A touch on the way, or Ctrl-C, stops the arm: it is held where it is, and goes limp only for who says so. Raises TouchError
    where there is nobody to ask.
    """
    arm.come_to_stand()
    why = _why_not_at_rest(arm, operator)
    if not why or _may_go_limp(why, operator):
        arm.release()


def _why_not_at_rest(arm: ArmSession, operator: Operator | None) -> str:
    """Go to the rest pose, and return why the arm is not there; empty where it is."""
    if arm.may_rest is not None and not arm.may_rest():
        return "The way to the rest pose is not clear"
    if operator is not None:  # who pressed Ctrl-C sees it move on
        operator.say("The arm goes to its rest pose, and is let go there ...")
    try:
        arm.move(arm.config.vector("rest_rad"))
    except TouchError as error:
        return f"On its way to rest, {error}"
    except KeyboardInterrupt:
        arm.come_to_stand()
        return "Stopped on its way to rest"
    return ""


def _may_go_limp(why: str, operator: Operator | None) -> bool:
    held = f"{why}. The arm is held where it is"
    if operator is None:
        raise TouchError(f"{held}: support it before its power is cut")
    question = f"{held}. Take it with both hands: may it go limp, as it was before?"
    if operator.confirm("let-go", question, default=False):
        return True
    operator.say(
        "[red]The arm is still held[/], as long as its motors hold untold: support it before their power is cut."
    )
    return False
