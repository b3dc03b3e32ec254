"""Replay: the same robot file gives the same bits, a spoilt record is found where it is spoilt, gaps are gone over honestly."""

import dataclasses
from pathlib import Path

import pytest

from bench.flight_rig import Flight, FlightWriter, Script, fly
from forerun.__main__ import main
from interfaces.errors import RefusedError
from interfaces.flight import CommandCycle
from interfaces.messages import CommandState, StageInput, StageInputKind
from interfaces.robot_config import RobotConfig, load_robot
from runtime.flight.reader import read_flight
from runtime.flight.replay import Gap, ReplayResult, replay

ROOT = Path(__file__).parents[3]
ROBOT_FILE = ROOT / "robots/simulated.toml"
ROBOT_TEXT = ROBOT_FILE.read_text(encoding="utf-8")
EVENTFUL = Script(
    periods=400,
    told={
        100: StageInputKind.ESTOP,
        120: StageInputKind.CLEAR,
        181: StageInputKind.POLICY_GONE,
        241: StageInputKind.STALLED,
        300: StageInputKind.BUS_LOST,
        310: StageInputKind.BUS_BACK,
        330: StageInputKind.CLEAR,
    },
    missed={200: 3},
    chunk_until=350,  # and then stale
)


@pytest.fixture(scope="module")
def robot() -> RobotConfig:
    return load_robot(ROBOT_FILE)


@pytest.fixture(scope="module")
def flight(robot: RobotConfig) -> Flight:
    return fly(robot, EVENTFUL)


def without(flight: Flight, *sequences: int) -> list[CommandCycle]:
    return [cycle for cycle in flight.cycles if cycle.sequence not in sequences]


def reasons(result: ReplayResult) -> int:
    return sum(count for _, count in result.not_compared)


def test_the_same_robot_file_gives_the_same_bits_through_all_states(robot: RobotConfig, flight: Flight) -> None:
    states = {cycle.state for cycle in flight.cycles}
    assert states == set(CommandState) - {CommandState.BOOT}
    result = replay(flight.cycles, robot)
    assert result.same
    assert (result.cycles, result.compared, result.identical, result.different) == (400, 399, 399, 0)
    assert result.largest_rad == (0.0,) * 6
    assert result.gaps == ()
    assert result.not_compared == (("no command was sent", 1),)


def test_a_replay_from_a_file_gives_the_same_bits(tmp_path: Path, robot: RobotConfig, flight: Flight) -> None:
    with FlightWriter(tmp_path / "a.mcap", ROBOT_TEXT) as writer:
        writer.flight(flight)
    assert replay(read_flight(tmp_path / "a.mcap").cycles, robot) == replay(flight.cycles, robot)


def test_one_spoilt_command_is_found_with_joint_and_values(robot: RobotConfig, flight: Flight) -> None:
    cycles = list(flight.cycles)
    spoilt = cycles[149].commanded_rad.copy()
    spoilt[2] += 0.25
    cycles[149] = dataclasses.replace(cycles[149], commanded_rad=spoilt)
    result = replay(cycles, robot)
    assert not result.same
    assert (result.different, result.identical) == (1, 398)
    (first,) = result.first
    assert (first.sequence, first.what) == (150, "elbow_flex")
    assert first.off_rad == pytest.approx(0.25)
    assert float(first.recorded) - float(first.replayed) == pytest.approx(0.25, abs=1e-8)
    assert result.largest_rad[2] == pytest.approx(0.25)


def test_less_than_the_limit_is_no_difference_and_yet_not_identical(robot: RobotConfig, flight: Flight) -> None:
    cycles = list(flight.cycles)
    cycles[60] = dataclasses.replace(cycles[60], commanded_rad=cycles[60].commanded_rad + 1e-12)
    result = replay(cycles, robot)
    assert result.same
    assert result.identical == 398


def test_another_state_chunk_or_age_is_a_difference(robot: RobotConfig, flight: Flight) -> None:
    cycles = list(flight.cycles)
    cycles[70] = dataclasses.replace(
        cycles[70], state=CommandState.HOLDING, chunk_sequence=99, frame_age_ns=cycles[70].frame_age_ns + 1
    )
    result = replay(cycles, robot)
    assert result.different == 1
    assert [one.what for one in result.first] == ["state", "chunk", "frame age"]
    assert (result.first[0].recorded, result.first[0].replayed) == ("HOLDING", "FOLLOWING")


def test_an_input_left_out_of_the_record_is_found(robot: RobotConfig, flight: Flight) -> None:
    cycles = [dataclasses.replace(cycle, inputs=()) if cycle.sequence == 100 else cycle for cycle in flight.cycles]
    result = replay(cycles, robot)
    assert result.different > 0
    assert (result.first[0].sequence, result.first[0].what) == (100, "state")


def test_what_came_after_the_command_has_no_part_in_it(robot: RobotConfig) -> None:
    """A bus that is lost in the exchange is told in the same cycle, after the command was decided."""
    flight = fly(robot, Script(periods=100))
    last = flight.cycles[-1]
    lost = StageInput(kind=StageInputKind.BUS_LOST, t_ns=last.t_sent_ns + 1000, why="no answer")
    ended = dataclasses.replace(last, inputs=(*last.inputs, lost), state=CommandState.FAULT)
    assert replay((*flight.cycles[:-1], ended), robot).same


def test_a_gap_while_following_waits_for_the_next_chunk(robot: RobotConfig) -> None:
    flight = fly(robot, Script(periods=200, chunk_every=8))
    result = replay(without(flight, *range(81, 86)), robot)
    # 86 is taken from the record, 87 waits, 88 brings a chunk.
    assert result.gaps == (Gap(after=80, missing=5),)
    assert result.same
    assert result.compared == result.identical == 199 - 5 - 2
    assert reasons(result) == 1 + 2


def test_a_gap_excuses_nothing_after_it(robot: RobotConfig) -> None:
    flight = fly(robot, Script(periods=120))
    kept = without(flight, *range(81, 86))
    spoilt = [
        dataclasses.replace(cycle, commanded_rad=cycle.commanded_rad + 0.01) if cycle.sequence == 89 else cycle
        for cycle in kept
    ]
    assert replay(spoilt, robot).different == 1


def test_a_gap_while_holding_costs_one_cycle(robot: RobotConfig) -> None:
    script = Script(periods=200, told={50: StageInputKind.ESTOP})
    cycles = [dataclasses.replace(c, inputs=() if c.sequence > 50 else c.inputs) for c in fly(robot, script).cycles]
    result = replay([cycle for cycle in cycles if not 60 <= cycle.sequence < 70], robot)
    assert result.gaps == (Gap(after=59, missing=10),)
    assert result.compared == result.identical == 199 - 10 - 1


@pytest.mark.parametrize("gone", range(10, 250, 17))
def test_a_record_whose_beginning_is_gone_starts_in_the_middle(robot: RobotConfig, flight: Flight, gone: int) -> None:
    result = replay(flight.cycles[gone:], robot)
    assert result.gaps == (Gap(after=0, missing=gone),)
    assert result.same
    assert result.identical == result.compared > 400 - gone - 12


def test_a_command_process_that_starts_again_starts_a_stage_again(robot: RobotConfig, flight: Flight) -> None:
    result = replay((*flight.cycles[:150], *flight.cycles), robot)
    assert result.same
    assert result.gaps == ()
    assert result.compared == 149 + 399


def test_a_chunk_that_was_not_recorded_is_a_reason_and_no_verdict(robot: RobotConfig) -> None:
    flight = fly(robot, Script(periods=100, chunk_every=10))
    cycles = list(flight.cycles)
    told = [dataclasses.replace(one, chunk=None) for one in cycles[49].inputs]
    cycles[49] = dataclasses.replace(cycles[49], inputs=tuple(told))
    result = replay(cycles, robot)
    assert result.same
    assert result.compared == result.identical == 99 - 10
    assert any("CHUNK" in why or "chunk" in why for why, _ in result.not_compared)


def test_an_empty_record_is_not_called_the_same(robot: RobotConfig) -> None:
    assert not replay((), robot).same


def test_a_record_of_another_arm_is_refused(robot: RobotConfig, flight: Flight) -> None:
    arm = dataclasses.replace(robot.arm, joints=robot.arm.joints[:3])
    with pytest.raises(RefusedError, match="6 joints, a robot of 3"):
        replay(flight.cycles, dataclasses.replace(robot, arm=arm, chain=None))


# --- the sub-command


def test_other_limits_are_tried_and_lead_to_status_1(
    tmp_path: Path, flight: Flight, capsys: pytest.CaptureFixture[str]
) -> None:
    with FlightWriter(tmp_path / "a.mcap", ROBOT_TEXT) as writer:
        writer.flight(flight)
    slow = tmp_path / "slow.toml"
    slow.write_text(ROBOT_TEXT.replace("velocity_max_rad_s = 4.0", "velocity_max_rad_s = 0.5"), encoding="utf-8")
    assert main(["replay", str(tmp_path / "a.mcap"), "--robot", str(slow), "--show", "3"]) == 1
    printed = capsys.readouterr().out
    assert "first differences:" in printed
    assert "DIFFERENT" in printed
    assert len([line for line in printed.splitlines() if " rad" in line and " s " in line]) == 3
    assert main(["replay", str(tmp_path / "a.mcap")]) == 0


def test_a_robot_with_other_joints_is_refused_with_status_2(
    tmp_path: Path, flight: Flight, capsys: pytest.CaptureFixture[str]
) -> None:
    with FlightWriter(tmp_path / "a.mcap", ROBOT_TEXT) as writer:
        writer.flight(flight)
    other = tmp_path / "other.toml"
    other.write_text(ROBOT_TEXT.replace('"gripper"', '"claw"'), encoding="utf-8")
    assert main(["replay", str(tmp_path / "a.mcap"), "--robot", str(other)]) == 2
    assert "claw" in capsys.readouterr().err
