"""Where the arm may go by itself, on a chain that can be checked in the head: two links of 0.2 m in a plane that stands upright."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from calibration.capture.poses import choose_poses, find_way, short_order, way_points
from calibration.capture.room import Room
from calibration.geometry.chain import Chain, chain_of
from interfaces.chain_config import ChainConfig, ChainLink
from interfaces.errors import RefusedError
from interfaces.robot_config import load_robot

ROBOT = load_robot(Path(__file__).parents[3] / "robots" / "simulated.toml")
ARM = ROBOT.arm
REST = ARM.vector("rest_rad")
UPRIGHT = ChainConfig(  # at 0 both links point up; positive leans along x
    links=(
        ChainLink(joint="a", translation_m=(0.0, 0.0, 0.1), rotation_wxyz=(1.0, 0.0, 0.0, 0.0), axis=(0.0, 1.0, 0.0)),
        ChainLink(joint="b", translation_m=(0.0, 0.0, 0.2), rotation_wxyz=(1.0, 0.0, 0.0, 0.0), axis=(0.0, 1.0, 0.0)),
        ChainLink(joint="c", translation_m=(0.0, 0.0, 0.2), rotation_wxyz=(1.0, 0.0, 0.0, 0.0), axis=(0.0, 1.0, 0.0)),
    ),
    tip_m=(0.0, 0.0, 0.1),
)


def six(*degrees: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """The joints of an arm of six whose first three are the chain's."""
    return np.array([*np.radians(degrees), 0.0, 0.0, 0.0])


def room(chain: Chain | None = None, **changes: object) -> Room:
    values: dict[str, object] = {"table_z_m": 0.0, "clearance_m": 0.04, "cameras_m": np.empty((0, 3)), **changes}
    return Room(chain=chain or Chain(UPRIGHT, ("a", "b", "c")), **values)  # pyright: ignore[reportArgumentType]


def leaning(*degrees: float) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    return np.radians(degrees)


def test_an_arm_that_stands_up_is_clear_and_one_that_lies_on_the_table_is_not() -> None:
    margins = room().margin_m(np.array([leaning(0, 0, 0), leaning(90, 0, 0), leaning(120, 0, 0)]))
    assert margins[0] > 0
    assert margins[1] == pytest.approx(0.1 - 0.04)  # level, 10 cm over the table
    assert margins[2] < 0


def test_the_table_may_lie_higher() -> None:
    assert room(table_z_m=0.07).margin_m(leaning(90, 0, 0)[None])[0] == pytest.approx(-0.01)


def test_a_hand_that_is_folded_into_the_arm_is_not_clear() -> None:
    assert room().margin_m(leaning(0, 170, 0)[None])[0] < 0


def test_a_camera_beside_the_arm_is_kept_away_from() -> None:
    tip = np.array([0.5, 0.0, 0.1])
    for away, is_clear in (([0.1, 0.0, 0.0], False), ([0.0, 0.5, 0.0], True)):
        beside = room(cameras_m=(tip + np.array(away))[None])
        assert (beside.margin_m(leaning(90, 0, 0)[None])[0] > 0) == is_clear


def test_a_way_that_dips_below_the_table_is_not_clear_though_both_its_ends_are() -> None:
    start, goal = leaning(100, -60, 0), leaning(100, 250, 0)
    space = room(clearance_m=0.0)
    assert (space.margin_m(np.array([start, goal])) > 0).all()
    assert not space.clear_ways(start, goal[None])[0]


def test_out_of_a_pose_that_is_not_clear_there_is_a_way_up_and_none_down() -> None:
    rests = leaning(95, 0, 0)  # its fingers lower than they should be
    assert room().margin_m(rests[None])[0] < 0.02
    space = room(clearance_m=0.08)
    assert space.margin_m(rests[None])[0] < 0
    assert space.clear_ways(rests, leaning(20, 0, 0)[None])[0]
    assert not space.clear_ways(rests, leaning(110, 0, 0)[None])[0]
    assert not space.clear_ways(leaning(20, 0, 0), rests[None])[0]  # back it goes only home, see find_way


def test_a_detour_is_found_where_the_straight_way_is_not_clear() -> None:
    space = Room(chain=chain_of(ROBOT), table_z_m=0.0, clearance_m=0.04, cameras_m=np.empty((0, 3)))
    rng = np.random.default_rng(0)
    poses = choose_poses(ARM, space, REST, np.empty((0, 6)), 40, rng)
    blocked = [(a, b) for a in poses for b in poses if a is not b and not space.clear_ways(a, b[None])[0]]
    assert blocked
    for start, goal in blocked[:6]:
        way = find_way(space, ARM, start, goal, REST, poses)
        assert way is not None
        assert len(way) == 2
        assert way[-1] is goal
        for here, there in zip([start, *way], way, strict=False):
            assert space.clear_ways(here, there[None])[0]


def test_the_way_home_is_the_way_from_home_though_the_arm_rests_there_on_the_table() -> None:
    space = room(Chain(UPRIGHT, ("a", "b", "c", "d", "e", "f")), clearance_m=0.08)
    rests, up = six(95, 0, 0), six(20, 0, 0)
    assert space.margin_m(rests[None])[0] < 0
    way = find_way(space, ARM, up, rests, rests, np.empty((0, 6)))
    assert way is not None
    assert way[-1] is rests
    assert find_way(space, ARM, up, rests.copy(), up, np.empty((0, 6))) is None  # a pose like it that is not home


def test_where_there_is_no_way_none_is_made_up() -> None:
    above = np.array([[0.0, 0.0, 0.6]])  # a camera right above: the straight way over the top is not clear
    space = room(Chain(UPRIGHT, ("a", "b", "c", "d", "e", "f")), cameras_m=above)
    start, goal = six(90, 0, 0), six(-90, 0, 0)
    assert (space.margin_m(np.array([start, goal])) > 0).all()
    assert find_way(space, ARM, start, goal, start, np.empty((0, 6))) is None
    assert find_way(space, ARM, start, six(140, 0, 0), start, np.empty((0, 6))) is None  # below the table


def test_poses_are_clear_low_inside_the_limits_and_the_same_for_a_seed() -> None:
    space = Room(chain=chain_of(ROBOT), table_z_m=0.0, clearance_m=0.04, cameras_m=np.empty((0, 3)), ceiling_m=0.25)
    poses = choose_poses(ARM, space, REST, np.empty((0, 6)), 50, np.random.default_rng(3))
    assert poses.shape == (50, 6)
    assert (space.margin_m(poses) > 0).all()
    assert (space.chain.tips(poses)[:, 2] < 0.25).all()
    assert (poses > ARM.vector("position_min_rad")).all()
    assert (poses < ARM.vector("position_max_rad")).all()
    again = choose_poses(ARM, space, REST, np.empty((0, 6)), 50, np.random.default_rng(3))
    np.testing.assert_array_equal(poses, again)


def test_poses_go_where_a_capture_that_goes_on_has_not_been() -> None:
    space = Room(chain=chain_of(ROBOT), table_z_m=0.0, clearance_m=0.04, cameras_m=np.empty((0, 3)))
    low, high = ARM.vector("position_min_rad"), ARM.vector("position_max_rad")
    half = np.random.default_rng(1).uniform(0, 1, (2000, 6)) * [0.5, 1, 1, 1, 1, 1]
    poses = choose_poses(ARM, space, REST, half, 30, np.random.default_rng(3))
    assert ((poses - low) / (high - low))[:, 0].mean() > 0.7


def test_where_hardly_anything_is_clear_a_person_is_told() -> None:
    space = Room(chain=chain_of(ROBOT), table_z_m=2.0, clearance_m=0.04, cameras_m=np.empty((0, 3)))
    with pytest.raises(RefusedError, match="--table-z"):
        choose_poses(ARM, space, REST, np.empty((0, 6)), 10, np.random.default_rng(0))


def test_ways_are_shorter_in_order() -> None:
    rng = np.random.default_rng(0)
    low, high = ARM.vector("position_min_rad"), ARM.vector("position_max_rad")
    poses = rng.uniform(low, high, (60, 6))
    start = ARM.vector("rest_rad")
    ordered = short_order(start, poses, ARM)
    assert sorted(ordered.tolist()) == sorted(poses.tolist())

    def length(way: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> float:
        return float(np.abs(np.diff(np.vstack([start, way]), axis=0)).max(axis=1).sum())

    assert length(ordered) < 0.8 * length(poses)
    assert way_points(start, ordered).shape == (60 * 20, 6)
    assert math.isclose(way_points(start, ordered)[0, 0], start[0])
