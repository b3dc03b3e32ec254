"""What follows from how far a camera moved: the robot file's limits applied. Pure."""

from __future__ import annotations

from enum import Enum, auto

from interfaces.calibration_config import CalibrationConfig
from runtime.policy.view.moved_view import ViewMotion


class Verdict(Enum):
    """What becomes of the frames."""

    IN_PLACE = auto()
    CORRECTED = auto()
    REFUSED = auto()


def moved(motion: ViewMotion, config: CalibrationConfig) -> bool:
    """Return whether the camera may have moved farther than the robot file lets it: when in doubt, it has."""
    moved_mm, turned_deg = motion.at_most
    return not (moved_mm <= config.view_moved_max_mm and turned_deg <= config.view_moved_max_deg)


def known_well(motion: ViewMotion, config: CalibrationConfig) -> bool:
    """Return whether the motion is known better than the robot file's limits of a moved camera."""
    vague_mm, vague_deg = 2.0 * motion.translation_sigma_mm, 2.0 * motion.rotation_sigma_deg
    return vague_mm < config.view_moved_max_mm and vague_deg < config.view_moved_max_deg


def too_vague(motion: ViewMotion, config: CalibrationConfig) -> str:
    """Return why a motion that is this uncertain proves nothing; empty where it does: it is known, or large beyond doubt."""
    if motion.cannot_tell:
        return motion.cannot_tell
    vague_mm, vague_deg = 2.0 * motion.translation_sigma_mm, 2.0 * motion.rotation_sigma_deg
    surely_shifted = motion.translation_mm > vague_mm + config.view_moved_max_mm
    surely_turned = motion.rotation_deg > vague_deg + config.view_moved_max_deg
    if known_well(motion, config) or surely_shifted or surely_turned:
        return ""
    return (
        f"too few landmarks in view: it would be known only within {vague_mm:.1f} mm and {vague_deg:.2f} degrees; lay something"
        " with texture beside the work, or tape down a printed board, and record the view again"
    )


def judge(motion: ViewMotion, config: CalibrationConfig, command: str) -> tuple[Verdict, str | None]:
    """Return what becomes of the frames, and, where they are refused, why and what to do; `command` records the view anew."""
    vague = too_vague(motion, config)
    if vague:
        return Verdict.REFUSED, f"cannot tell whether the camera was moved: {vague} ({command})"
    if not moved(motion, config):
        return Verdict.IN_PLACE, None
    near = (
        motion.translation_mm <= config.view_corrected_max_mm and motion.rotation_deg <= config.view_corrected_max_deg
    )
    if config.view == "correct" and near and known_well(motion, config):
        return Verdict.CORRECTED, None
    limit = f"{config.view_moved_max_mm:g} mm or {config.view_moved_max_deg:g}°"
    if config.view == "correct" and not near:
        limit = f"{config.view_corrected_max_mm:g} mm or {config.view_corrected_max_deg:g}° that may be corrected"
    return Verdict.REFUSED, (
        f"the camera was moved by {motion.words}, more than {limit}: put it back ({command} --check --watch,"
        f" once this run has ended, shows when it is), or record its new view ({command})"
    )
