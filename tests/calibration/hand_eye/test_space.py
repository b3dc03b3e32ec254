"""Where the arm may go, and which poses are worth going to."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from calibration.hand_eye.by_itself import LOWER_MAX_M, Surroundings, first_motions
from calibration.hand_eye.coverage import advice, is_new, needs, turn_spreads_deg
from calibration.hand_eye.design import badness, choose, information, known_before
from calibration.hand_eye.refine import Doubts

DOUBTS = Doubts(pixel_px=0.1, offset_rad=np.radians(0.3), spread_rad=np.radians(0.05))


def test_candidates_see_the_board_and_stay_in_their_limits(known: Any) -> None:
    poses_rad = known.poses_rad(300)
    assert len(poses_rad) > 100
    assert known.space().sees(poses_rad).all()
    assert known.space().clear(poses_rad).all()
    low_rad, high_rad = known.travel_rad().T
    assert ((poses_rad > low_rad) & (poses_rad < high_rad)).all()
    assert (poses_rad[:, 5] == known.start_rad[5]).all()  # the gripper holds what it holds


def test_a_table_that_is_too_high_is_not_gone_to(known: Any) -> None:
    poses_rad = known.poses_rad(100)
    tips_m = known.chain.tips(poses_rad)[:, 2]
    table_m = float(np.median(tips_m))
    high = replace(known.space(), table_z_m=table_m, clearance_m=0.0)
    assert not high.clear(poses_rad)[tips_m < table_m].any()


def test_a_way_through_the_table_is_refused_though_its_ends_are_clear(make_known: Any) -> None:
    known = make_known("eye_to_hand")
    # Lifted over the back of the shoulder and down again in front: elbow bent, the hand passes low in between.
    start_rad = np.array([-1.8, -0.4, 0.2, -0.9, 0.0, 0.05])
    end_rad = np.array([1.8, -0.4, 0.2, -0.9, 0.0, 0.05])
    space = known.space()
    assert space.clear(np.stack([start_rad, end_rad])).all()
    assert not space.clear_way(start_rad, end_rad[None])[0]  # the camera stands between
    assert space.clear_way(start_rad, start_rad[None] + 0.05)[0]


def test_chosen_poses_make_the_camera_surer_than_the_first_that_come(known: Any) -> None:
    offered = information(known.space(), known.poses_rad(120), DOUBTS)
    known_first = known_before(5, DOUBTS)
    chosen = choose(known_first, offered, 8)
    assert len(set(chosen)) == 8
    by_choice = badness(known_first + offered[chosen].sum(axis=0))
    by_chance = [
        badness(known_first + offered[np.random.default_rng(k).choice(len(offered), 8, replace=False)].sum(axis=0))
        for k in range(10)
    ]
    assert by_choice < 0.7 * np.median(by_chance)


def test_first_motions_turn_the_hand_about_two_axes_and_keep_it_up(known: Any) -> None:
    around = Surroundings(
        board=known.board, travel_rad=known.travel_rad(), table_z_m=0.0, clearance_m=0.02, offset_sigma_rad=0.0
    )
    start_rad = known.start_rad
    motions = first_motions(known.chain, start_rad, np.radians(10.0), around, np.random.default_rng(0))
    assert len(motions) >= 5
    assert turn_spreads_deg([start_rad, *motions], known.chain)[1] > 4.0
    for pose_rad in motions:
        assert np.abs(pose_rad - start_rad).max() <= np.radians(10.0) + 1e-9
        assert known.chain.tip(pose_rad)[2] >= known.chain.tip(start_rad)[2] - LOWER_MAX_M


def test_what_is_missing_is_said(make_known: Any) -> None:
    known = make_known("eye_to_hand")
    rng = np.random.default_rng(0)
    # Only the wrist rolls: one axis, one place.
    start_rad = known.poses_rad(1)[0]
    rolled = [start_rad + angle * np.eye(6)[4] for angle in (-0.3, 0.0, 0.3)]
    rows = {row.what: row for row in needs([known.sighting(pose, rng) for pose in rolled], known.chain, known.lens, 3)}
    assert rows["poses"].met
    assert not rows["hand turned about a second axis"].met
    assert rows["hand turned about a second axis"].have < 0.1
    assert "next" in advice(list(rows.values()))
    good = needs(known.sightings(24), known.chain, known.lens, 24)
    assert [row.what for row in good if not row.met] == []
    assert advice(good).startswith("good")
    assert "poses" not in advice(needs([], known.chain, known.lens, 24))


def test_the_same_pose_is_not_taken_twice(make_known: Any) -> None:
    known = make_known("eye_to_hand")
    rng = np.random.default_rng(0)
    first, second = known.poses_rad(2)
    taken = [known.sighting(first, rng)]
    assert not is_new(known.sighting(first, rng), taken)
    assert is_new(known.sighting(second, rng), taken)


@pytest.mark.parametrize("tilt_deg", [0.0, 85.0])
def test_a_board_seen_from_its_edge_is_not_seen(make_known: Any, tilt_deg: float) -> None:
    known = make_known("eye_in_hand")
    pose_rad = known.poses_rad(1)
    turned = np.radians(tilt_deg)
    board = known.truth.other_from_board.copy()
    middle = known.truth.other_from_board @ np.array([*(np.array(known.board.size_m) / 2), 0.0, 1.0])
    tilt = np.eye(4)
    tilt[1:3, 1:3] = [[np.cos(turned), -np.sin(turned)], [np.sin(turned), np.cos(turned)]]
    tilt[:3, 3] = middle[:3] - tilt[:3, :3] @ middle[:3]
    board = tilt @ board
    space = replace(known.space(), guess=replace(known.truth, other_from_board=board))
    assert bool(space.sees(pose_rad)[0]) == (tilt_deg == 0.0)
