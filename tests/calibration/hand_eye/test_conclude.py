"""From shots to a record: judged, drawn, written or not, homes refined; with a person who answers as told."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typing_extensions import override

from calibration.geometry.transforms import from_pose, inverse
from calibration.hand_eye.conclude import Session, conclude
from calibration.hand_eye.overlay import draw_overlay
from calibration.hand_eye.refine_homes import counts_per_rad
from calibration.hand_eye.still_pictures import Shot
from calibration.records.header import new_header
from calibration.records.store import RecordStore
from calibration.session.clock import MonotonicClock
from calibration.session.workplace import Workplace
from calibration.session.yes_operator import YesOperator
from drivers.feetech.registers import RAD_PER_TICK
from interfaces.calibration.camera import HandEyeRecord
from interfaces.calibration.homes import homes
from interfaces.calibration.joints import JointCalibration, JointsRecord
from interfaces.calibration.record import FORMAT, ArmIdentity, CameraIdentity, Check
from interfaces.messages import JointState
from interfaces.robot_config import load_robot

OFFSET_RAD = np.radians([0.0, 0.5, -0.4, 0.3, 0.0])
ROBOTS = Path(__file__).parents[3] / "robots"


class Person(YesOperator):
    """Answers some questions otherwise than by their default."""

    def __init__(self, answers: dict[str, bool]) -> None:
        super().__init__(MonotonicClock(), "tester")
        self.answers = answers
        self.said: list[str] = []

    @override
    def say(self, text: Any) -> None:
        """Remember it."""
        self.said.append(str(text))

    @override
    def confirm(self, step: str, question: str, *, default: bool) -> bool:
        """Answer as told."""
        del question
        return self.answers.get(step, default)


def refuse(*_: object) -> Any:
    raise AssertionError("no device is opened here")


@pytest.fixture
def make_session(tmp_path: Path, make_known: Any) -> Callable[..., Session]:
    def make(offset_rad: Any = OFFSET_RAD, sigma_deg: float = 0.3, **answers: bool) -> Session:
        known = make_known("eye_to_hand")
        workplace = Workplace(
            robot=known.robot,
            records=tmp_path / "records",
            pictures=tmp_path / "pictures",
            operator=Person({key.replace("_", "-"): value for key, value in answers.items()}),
            clock=MonotonicClock(),
            make_arm=refuse,
            make_camera=refuse,
        )
        black = np.zeros((known.lens.height_px, known.lens.width_px, 3), np.uint8)
        sightings = known.sightings(16, offset_rad=offset_rad, spread_rad=np.radians(0.02))
        none = np.zeros(6)
        return Session(
            workplace=workplace,
            model=known.model,
            board=known.board,
            lens=known.lens,
            camera_name="front",
            camera=CameraIdentity(model="tester's", serial="1"),
            arm=ArmIdentity(driver="feetech", motors=()),
            offset_sigma_rad=float(np.radians(sigma_deg)),
            shots=[Shot(position_rad=each.position_rad, rgb=black, sighting=each) for each in sightings],
            joints=JointState(
                t_measured_ns=0,
                position_rad=none,
                velocity_rad_s=none,
                effort_ratio=none,
                voltage_v=none,
                temperature_degc=none + 31.0,
            ),
        )

    return make


def joints_record(session: Session) -> JointsRecord:
    """Return a record of the homes that are in use."""
    workplace = session.workplace
    joints = tuple(
        JointCalibration(name=name, home=home, direction=1, range_min_rad=-1.0, range_max_rad=1.0)
        for name, home in zip(workplace.robot.arm.joint_names, homes(workplace.robot.arm), strict=True)
    )
    return JointsRecord(
        kind="joints",
        format=FORMAT,
        header=new_header(workplace, [Check(name="x", value=0.0, limit=1.0, unit="")]),
        arm=ArmIdentity(driver="feetech", motors=()),
        offsets="record",
        reference="stops",
        joints=joints,
    )


def test_a_good_one_is_written_with_its_offsets_and_a_picture(make_session: Callable[..., Session]) -> None:
    session = make_session()
    assert conclude(session) == 0
    record = RecordStore(session.workplace.records).current("hand_eye", "front")
    assert isinstance(record, HandEyeRecord)
    np.testing.assert_allclose(record.joint_offset_rad[1:4], OFFSET_RAD[1:4], atol=np.radians(0.1))
    assert (record.joint_offset_rad[0], record.joint_offset_rad[4], record.joint_offset_rad[5]) == (0.0, 0.0, 0.0)
    assert record.header.temperature_degc == 31.0
    assert "shoulder_pan, wrist_roll" in record.header.note
    assert cv2.imread(str(session.workplace.pictures / "hand-eye-front.png")) is not None


def test_one_that_is_not_good_enough_or_not_wanted_is_not_written(make_session: Callable[..., Session]) -> None:
    exact = make_session(sigma_deg=0.0)
    assert conclude(exact) == 1
    said = "\n".join(exact.workplace.operator.said)  # type: ignore[attr-defined]
    assert "limit" in said
    assert "--joint-sigma-deg 0.3" in said
    unwanted = make_session(accept=False)
    assert conclude(unwanted) == 1
    few = replace(make_session(), shots=make_session().shots[:3])
    assert conclude(few) == 1
    assert not exact.workplace.records.exists()


def test_the_wrong_mounting_is_named(make_session: Callable[..., Session], make_known: Any) -> None:
    session = replace(make_session(), model=make_known("eye_in_hand").model)
    assert conclude(session) == 1
    assert "--mounting eye-to-hand" in "\n".join(session.workplace.operator.said)  # type: ignore[attr-defined]


def test_homes_are_refined_only_where_asked_for_and_then_the_angles_are_right(
    make_session: Callable[..., Session],
) -> None:
    session = make_session()
    store = RecordStore(session.workplace.records)
    before = joints_record(session)
    store.save(before)
    assert conclude(session) == 0
    assert store.current("joints") == before
    session = make_session(refine_homes=True)
    assert conclude(session) == 0
    after, record = store.current("joints"), store.current("hand_eye", "front")
    assert isinstance(after, JointsRecord)
    assert isinstance(record, HandEyeRecord)
    moved = [(new.home - old.home) * RAD_PER_TICK for new, old in zip(after.joints, before.joints, strict=True)]
    # A smaller home makes the same count a larger angle.
    np.testing.assert_allclose(-np.array(moved)[1:4], OFFSET_RAD[1:4], atol=np.radians(0.1))
    assert record.joint_offset_rad == (0.0,) * 6
    assert from_pose(record.parent_from_camera)[0, 3] == pytest.approx(0.42, abs=0.002)


def test_homes_that_are_not_in_use_are_left_alone(make_session: Callable[..., Session]) -> None:
    session = make_session(refine_homes=True)
    store = RecordStore(session.workplace.records)
    other = joints_record(session)
    other = replace(other, joints=tuple(replace(joint, home=joint.home + 20) for joint in other.joints))
    store.save(other)
    assert conclude(session) == 0
    assert store.current("joints") == other


@pytest.mark.parametrize(
    ("name", "per_rad"), [("so101", 4096 / (2 * np.pi)), ("yam", 1.0), ("koch", 4096 / (2 * np.pi))]
)
def test_each_familys_home_has_its_own_unit(name: str, per_rad: float) -> None:
    np.testing.assert_allclose(counts_per_rad(load_robot(ROBOTS / f"{name}.toml").arm), per_rad)


def test_the_cross_is_drawn_where_the_tip_is(make_known: Any) -> None:
    known = make_known("eye_to_hand")
    pose_rad = known.poses_rad(1)[0]
    black = np.zeros((known.lens.height_px, known.lens.width_px, 3), np.uint8)
    drawn = draw_overlay(black, pose_rad, known.model, known.truth, known.board, known.lens)
    in_camera = inverse(known.truth.parent_from_camera) @ np.append(known.chain.tip(pose_rad), 1.0)
    column = round(known.lens.focal_x_px * in_camera[0] / in_camera[2] + known.lens.centre_x_px)
    row = round(known.lens.focal_y_px * in_camera[1] / in_camera[2] + known.lens.centre_y_px)
    assert drawn[row - 3 : row + 4, column - 3 : column + 4].max() > 200
    assert not black.any()
