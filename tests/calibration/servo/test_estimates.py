"""Friction, play and following from samples whose truth is known."""

from __future__ import annotations

import numpy as np
import pytest

from calibration.latency.lag_fit import turns
from calibration.servo.following import Rung, best_of, rung_of
from calibration.servo.friction import find_friction
from calibration.servo.motions import Array, Pace, speed_possible, to_and_fro
from calibration.servo.play import find_play
from calibration.servo.samples import Samples, joined

PERIOD_S = 0.01
TICK_RAD = 2 * np.pi / 4096
LAG_S = 0.03


def motion(
    velocity: float,
    acceleration: float = 15.0,
    *,
    dry: float = 0.1,
    play: float = 0.0,
    give: float = 0.0,
    start_s: float = 0.0,
) -> Samples:
    """Return a joint with friction, play and a spring in it, going to and fro three times, its effort swinging with each order."""
    rng = np.random.default_rng(round(1000 * velocity))
    pace = Pace(velocity_rad_s=velocity, acceleration_rad_s2=acceleration, jerk_rad_s3=2000.0)
    way = np.tile(to_and_fro(0.17, pace, PERIOD_S), 3)
    t_command_s: Array = (start_s + np.arange(len(way)) * PERIOD_S).astype(np.float64)
    t_s: Array = np.sort(np.concatenate([t_command_s + 0.001, t_command_s + rng.uniform(0.0025, 0.0085, len(way))]))
    behind = np.interp(t_s - LAG_S, t_command_s, way - (play / 2 * turns(way, play) if play else 0.0))
    speed = np.interp(t_s - LAG_S, t_command_s, np.gradient(way, PERIOD_S))
    push = np.interp(t_s - LAG_S, t_command_s, np.gradient(np.gradient(way, PERIOD_S), PERIOD_S))
    effort = 0.2 + 0.5 * behind + dry * np.sign(speed) + 0.08 * speed + 0.01 * push
    effort += 0.1 * np.sign(speed) * np.cos(2 * np.pi * (t_s - t_command_s[0]) / PERIOD_S)
    measured = behind - give * effort + rng.normal(0, 2e-4, len(t_s))
    return Samples(
        velocity_rad_s=velocity,
        acceleration_rad_s2=acceleration,
        t_s=t_s,
        t_command_s=t_command_s,
        commanded_rad=way,
        measured_rad=np.asarray(np.round(measured / TICK_RAD) * TICK_RAD, np.float64),
        effort_ratio=effort + rng.normal(0, 0.01, len(t_s)),
    )


def test_dry_friction_and_gravity_are_told_apart_and_orders_do_not_disturb() -> None:
    friction = find_friction([motion(v) for v in (0.3, 0.6, 0.9)])
    assert friction.dry_ratio.value == pytest.approx(0.1, abs=0.01)
    assert friction.per_speed_ratio == pytest.approx(0.08, abs=0.02)
    assert friction.slow_ratio.value == pytest.approx(0.1 + 0.08 * 0.6, abs=0.006)
    assert friction.gravity_ratio == pytest.approx(0.2, abs=0.02)


def test_friction_needs_an_even_speed() -> None:
    with pytest.raises(ValueError, match="no room"):
        find_friction([motion(speed_possible(0.17, 15.0))])


@pytest.mark.parametrize(("play", "give"), [(0.0, 0.0), (0.01, 0.0), (0.01, 0.05), (0.0, 0.05)])
def test_play_is_told_from_what_friction_bends(play: float, give: float) -> None:
    runs = [
        motion(v, a, play=play, give=give, start_s=50.0 * k)
        for k, (v, a) in enumerate([(0.3, 15.0), (0.06, 15.0), (0.9, 15.0), (1.5, 30.0), (1.5, 15.0)])
    ]
    found = find_play(joined(runs), 0.1)
    assert found.play_rad.value == pytest.approx(play, abs=0.0015)
    assert found.give_rad.value == pytest.approx(give, abs=0.01)
    assert found.lag_s.value == pytest.approx(LAG_S, abs=0.003)
    assert found.loop_rad == pytest.approx(play + 2 * give * 0.1, abs=0.002)


def test_a_way_to_and_fro_keeps_its_pace() -> None:
    pace = Pace(velocity_rad_s=2.0, acceleration_rad_s2=30.0, jerk_rad_s3=2000.0)
    way = to_and_fro(0.17, pace, PERIOD_S)
    assert way[[0, len(way) // 2, -1]] == pytest.approx([-0.17, 0.17, -0.17], abs=1e-9)
    assert np.abs(np.diff(way)).max() / PERIOD_S == pytest.approx(2.0, rel=0.05)
    assert np.abs(np.diff(way, 2)).max() / PERIOD_S**2 <= 30.0 * 1.05
    assert np.abs(np.diff(way, 3)).max() / PERIOD_S**3 <= 2000.0 * 1.05


def test_where_there_is_no_room_it_goes_slower() -> None:
    pace = Pace(velocity_rad_s=4.0, acceleration_rad_s2=5.0, jerk_rad_s3=2000.0)
    way = to_and_fro(0.1, pace, PERIOD_S)
    assert np.abs(np.diff(way)).max() / PERIOD_S <= speed_possible(0.1, 5.0) * 1.05


def test_the_lag_is_allowed_for_in_what_a_rung_leaves() -> None:
    rung = rung_of(motion(1.5, 30.0), LAG_S, 0.0)
    assert rung.error_rad == pytest.approx(1.5 * LAG_S, abs=0.006)
    assert rung.beside_lag_rad < 0.003


def test_the_best_rung_is_the_last_before_the_first_that_is_not_good() -> None:
    rungs = [
        Rung(velocity_rad_s=v, acceleration_rad_s2=10.0, error_rad=0.05, beside_lag_rad=0.01, effort_ratio=effort)
        for v, effort in ((1.0, 0.2), (2.0, 0.5), (3.0, 0.8), (4.0, 0.3))
    ]
    assert best_of(rungs, 0.9) is rungs[1]
    assert best_of(rungs[2:], 0.9) is None
