"""`forerun calibrate camera` from the first frame to the record, before a camera that plays back corners."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
from rich.console import RenderableType
from typing_extensions import override

from calibration.board.board import BoardCorners, BoardFinder, BoardSpec
from calibration.camera import program
from calibration.camera.show_board import BoardShow
from calibration.records.store import RecordStore
from calibration.session.workplace import Workplace
from calibration.session.yes_operator import YesOperator
from drivers.camera import CameraHealth
from interfaces.calibration.camera import CameraRecord
from interfaces.camera_config import CameraConfig
from interfaces.device_facts import CameraFacts, CameraIntrinsics
from interfaces.errors import RefusedError
from interfaces.messages import Frame, Rgb
from interfaces.robot_config import load_robot

Shown = Callable[[CameraIntrinsics, int, float, np.random.Generator], list[BoardCorners]]
ROBOT = load_robot(Path("robots/simulated.toml"))
PERIOD_NS = 33_000_000
FRAMES_A_VIEW = 4


class _Clock:
    def __init__(self) -> None:
        self.t_ns = 1

    def now_ns(self) -> int:
        return self.t_ns

    def wait_until(self, t_ns: int) -> None:
        self.t_ns = max(self.t_ns, t_ns)


class _Camera:
    """Its frames say which view they show, in their first pixel."""

    def __init__(self, config: CameraConfig, intrinsics: CameraIntrinsics | None, clock: _Clock) -> None:
        self.name = config.name
        self._intrinsics, self._clock = intrinsics, clock
        self._number = 0
        self.is_open = False

    def open(self) -> None:
        self.is_open = True

    def read(self, timeout_s: float) -> Frame | None:
        del timeout_s
        self._clock.t_ns += PERIOD_NS
        self._number += 1
        rgb = np.zeros((8, 8, 3), np.uint8)
        rgb[0, 0, 0] = self._number // FRAMES_A_VIEW % 256
        return Frame(
            camera=self.name, number=self._number, t_capture_ns=self._clock.t_ns, t_arrival_ns=self._clock.t_ns,
            rgb=rgb, depth_mm=None,
        )  # fmt: skip

    def facts(self) -> CameraFacts:
        return CameraFacts(model="played back", serial="P1", intrinsics=self._intrinsics)

    def interrupt(self) -> None: ...

    def health(self) -> CameraHealth:
        return CameraHealth(clock="global", frames=self._number, lost=0, rejected=0)

    def close(self) -> None:
        self.is_open = False


class _Impatient(YesOperator):
    """Says that it is done after a few looks, and then gives up."""

    @override
    def watch(self, step: str, instruction: str, look: Callable[[], RenderableType], done: Callable[[], bool]) -> None:
        for _ in range(30):
            look()

    @override
    def confirm(self, step: str, question: str, *, default: bool) -> bool:
        return default if step != "show-more" else False


class _GivesUp(YesOperator):
    @override
    def watch(self, step: str, instruction: str, look: Callable[[], RenderableType], done: Callable[[], bool]) -> None:
        look()
        raise KeyboardInterrupt


class _Place:
    def __init__(self, folder: Path, maker: CameraIntrinsics | None) -> None:
        self.clock = _Clock()
        self.cameras: list[_Camera] = []
        self.maker = maker
        camera = replace(
            ROBOT.cameras[0], width_px=1280, height_px=720, depth=False, depth_width_px=None, depth_height_px=None
        )
        self.workplace = Workplace(
            robot=replace(ROBOT, cameras=(camera,)),
            records=folder / "records",
            pictures=folder / "pictures",
            operator=YesOperator(self.clock, "tester"),
            clock=self.clock,
            make_arm=_no_arm,
            make_camera=self._make_camera,
        )

    def _make_camera(self, config: CameraConfig) -> _Camera:
        maker = self.maker
        if maker is not None and config.width_px != maker.width_px:
            ratio = config.width_px / maker.width_px
            maker = replace(
                maker, width_px=config.width_px, height_px=config.height_px, focal_x_px=maker.focal_x_px * ratio,
                focal_y_px=maker.focal_y_px * ratio, centre_x_px=(maker.centre_x_px + 0.5) * ratio - 0.5,
                centre_y_px=(maker.centre_y_px + 0.5) * ratio - 0.5,
            )  # fmt: skip
        self.cameras.append(_Camera(config, maker, self.clock))
        return self.cameras[-1]

    def run(self, *words: str) -> int:
        parser = argparse.ArgumentParser()
        program.add_arguments(parser)
        status = program.run(self.workplace, parser.parse_args(words))
        assert not any(camera.is_open for camera in self.cameras)
        return status

    def record(self) -> CameraRecord | None:
        record = RecordStore(self.workplace.records).current("camera", "front")
        assert record is None or isinstance(record, CameraRecord)
        return record


def _no_arm(_config: object) -> NoReturn:
    raise AssertionError("the arm is to be left alone")


@pytest.fixture
def play(monkeypatch: pytest.MonkeyPatch, shown: Shown) -> Callable[[CameraIntrinsics], None]:
    """Let the finder find the corners of a lens's views, whatever the pixels."""

    def start(lens: CameraIntrinsics) -> None:
        rng = np.random.default_rng(7)
        views = shown(lens, 120, 0.0, rng)

        class Finder(BoardFinder):
            @override
            def find(self, rgb: Rgb) -> BoardCorners | None:
                view = views[int(rgb[0, 0, 0]) % len(views)]
                return replace(view, pixels=view.pixels + rng.normal(0.0, 0.05, view.pixels.shape))

        monkeypatch.setattr(program, "BoardFinder", Finder)

    return start


def test_right_values_are_recorded_as_the_makers(
    tmp_path: Path,
    maker: CameraIntrinsics,
    play: Callable[[CameraIntrinsics], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    play(maker)
    place = _Place(tmp_path, maker)
    assert place.run("--square-mm", "30") == 0
    record = place.record()
    assert record is not None
    assert (record.source, record.intrinsics) == ("factory", maker)
    assert (record.camera.model, record.camera.serial, record.header.subject) == ("played back", "P1", "front")
    assert record.header.passed
    assert (tmp_path / "pictures" / "camera-front.png").stat().st_size > 10_000
    assert "the maker's values are right" in capsys.readouterr().out


def test_wrong_values_are_replaced_and_carried_to_the_size_in_use(
    tmp_path: Path, maker: CameraIntrinsics, play: Callable[[CameraIntrinsics], None]
) -> None:
    maker_there = replace(
        maker, width_px=640, height_px=360, focal_x_px=456.0, focal_y_px=455.5, centre_x_px=320.25, centre_y_px=178.75
    )
    play(replace(maker, focal_x_px=912.0 * 1.02, focal_y_px=911.0 * 1.02))
    place = _Place(tmp_path, maker_there)
    used = replace(place.workplace.robot.cameras[0], width_px=640, height_px=360)
    place.workplace = replace(place.workplace, robot=replace(ROBOT, cameras=(used,)))
    assert place.run("--square-mm", "30", "--size", "1280x720") == 0
    record = place.record()
    assert record is not None
    assert record.source == "estimated"
    assert (record.intrinsics.width_px, record.intrinsics.height_px) == (640, 360)
    assert record.intrinsics.focal_x_px == pytest.approx(456.0 * 1.02, rel=0.001)
    assert record.intrinsics.centre_x_px == pytest.approx(320.25, abs=0.3)


def test_a_camera_that_tells_nothing_is_estimated_at_its_own_size_only(
    tmp_path: Path, maker: CameraIntrinsics, play: Callable[[CameraIntrinsics], None]
) -> None:
    play(maker)
    place = _Place(tmp_path, None)
    with pytest.raises(RefusedError, match="leave out --size"):
        place.run("--square-mm", "30", "--size", "640x360")
    assert place.run("--square-mm", "30") == 0
    record = place.record()
    assert record is not None
    assert record.source == "estimated"
    assert record.intrinsics.focal_x_px == pytest.approx(maker.focal_x_px, rel=0.002)


def test_too_little_shown_is_refused_and_giving_up_leaves_the_old_record(
    tmp_path: Path, maker: CameraIntrinsics, play: Callable[[CameraIntrinsics], None]
) -> None:
    play(maker)
    place = _Place(tmp_path, maker)
    assert place.run("--square-mm", "30") == 0
    before = {path: path.read_bytes() for path in (tmp_path / "records").rglob("*.toml")}
    place.workplace = replace(place.workplace, operator=_Impatient(place.clock, "tester"))
    with pytest.raises(RefusedError, match="views of the board tell too little"):
        place.run("--square-mm", "30")
    place.workplace = replace(place.workplace, operator=_GivesUp(place.clock, "tester"))
    with pytest.raises(KeyboardInterrupt):
        place.run("--square-mm", "30")
    assert not any(camera.is_open for camera in place.cameras)
    assert {path: path.read_bytes() for path in (tmp_path / "records").rglob("*.toml")} == before


def test_a_board_that_moves_is_not_taken(maker: CameraIntrinsics, shown: Shown) -> None:
    base = shown(maker, 1, 0.0, np.random.default_rng(1))[0]
    speed_px = [3.0]  # a frame

    class Finder(BoardFinder):
        calls = 0

        @override
        def find(self, rgb: Rgb) -> BoardCorners | None:
            self.calls += 1
            return replace(base, pixels=base.pixels + min(self.calls, 6) * speed_px[0])

    clock = _Clock()
    camera = _Camera(ROBOT.cameras[0], maker, clock)
    show = BoardShow(camera, Finder(BoardSpec()), maker, clock)
    for _ in range(6):
        show.look()
    assert not show.coverage.views
    for _ in range(3):  # stands since the sixth
        show.look()
    assert len(show.coverage.views) == 1
