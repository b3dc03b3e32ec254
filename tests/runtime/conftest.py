"""What the tests of the runtime share: the simulated robot, a bundle small enough to work out by hand, frames and joints."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from bench.policy_rig import CommandPeer, PlainCamera, SlowForesight
from bench.policy_service_rig import policy_that, write_robot
from bench.service_rig import StartService, WatchedService
from bench.stage_rig import POSE, Trial
from interfaces.messages import CommandState, Frame, JointState
from interfaces.robot_config import RobotConfig, load_robot
from runtime.policy.bundle import LoadedBundle, open_bundle
from runtime.policy.foresight_stage import ForesightStage
from runtime.policy_process import PolicyProcess

ROOT = Path(__file__).parents[2]

settings.register_profile("runtime", deadline=None)  # examples are not timed: a busy machine makes any of them slow
settings.load_profile("runtime")


@pytest.fixture(scope="session")
def robot_file() -> Path:
    """The robot file of the simulated SO-101."""
    return ROOT / "robots/simulated.toml"


@pytest.fixture(scope="session")
def robot(robot_file: Path) -> RobotConfig:
    """The simulated SO-101."""
    return load_robot(robot_file)


@pytest.fixture
def tiny_folder(tmp_path: Path) -> Path:
    """A copy of tests/data/tiny_bundle to spoil; its graphs are written down in tests/data/make_tiny_bundle.py."""
    return Path(shutil.copytree(ROOT / "tests/data/tiny_bundle", tmp_path / "tiny_bundle"))


@pytest.fixture
def tiny_bundle(robot: RobotConfig) -> LoadedBundle:
    """The tiny bundle, opened."""
    return open_bundle(ROOT / "tests/data/tiny_bundle", robot)


@pytest.fixture
def prefix_bundle(robot: RobotConfig) -> LoadedBundle:
    """The tiny bundle with a committed prefix (tests/data/make_tiny_prefix_bundle.py), opened."""
    return open_bundle(ROOT / "tests/data/tiny_prefix_bundle", robot)


@pytest.fixture(scope="session")
def make_frame() -> Callable[..., Frame]:
    """Makes a frame of one colour."""

    def make(t_capture_ns: int = 0, colour: int = 51, size: tuple[int, int] = (240, 424)) -> Frame:
        rgb = np.full((*size, 3), colour, np.uint8)
        return Frame(
            camera="front", number=1, t_capture_ns=t_capture_ns, t_arrival_ns=t_capture_ns, rgb=rgb, depth_mm=None
        )

    return make


@pytest.fixture(scope="session")
def make_joints() -> Callable[..., JointState]:
    """Makes a joint state at rest, every joint at the same angle."""

    def make(t_measured_ns: int = 0, position_rad: float = 0.0) -> JointState:
        zeros = np.zeros(6)
        return JointState(
            t_measured_ns=t_measured_ns,
            position_rad=zeros + position_rad,
            velocity_rad_s=zeros,
            effort_ratio=zeros,
            voltage_v=zeros + 12.0,
            temperature_degc=zeros + 30.0,
        )

    return make


@pytest.fixture
def run_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory: sockets lie there."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def peer(robot: RobotConfig, run_folder: Path) -> Iterator[CommandPeer]:
    """A command process that listens."""
    peer = CommandPeer(run_folder / robot.runtime.command_socket, len(robot.arm.joints))
    yield peer
    peer.close()


@pytest.fixture
def camera(robot: RobotConfig) -> PlainCamera:
    """A camera to play with."""
    return PlainCamera(robot.cameras[0])


@pytest.fixture
def start_policy(
    robot: RobotConfig,
    tiny_bundle: LoadedBundle,
    camera: PlainCamera,
    run_folder: Path,  # noqa: ARG001 - must last longer than the processes
) -> Iterator[Callable[..., PolicyProcess]]:
    """Starts policy processes as threads of this one, with the camera above.

    Each foresight may take longer, the bundle may be another, stamps late, and keys of the robot file's policy may have other values.
    """
    started: list[PolicyProcess] = []

    def start(
        foresight_delay_s: float = 0.0,
        bundle: LoadedBundle = tiny_bundle,
        stamp_offset_ms: float = 0.0,
        **policy: float,
    ) -> PolicyProcess:
        cameras = tuple(replace(camera, stamp_offset_ms=stamp_offset_ms) for camera in robot.cameras)
        changed = replace(robot, cameras=cameras, policy=replace(robot.policy, **policy))
        stage = SlowForesight(ForesightStage(bundle), foresight_delay_s)
        process = PolicyProcess(changed, bundle, [camera], foresight_stage=stage)
        started.append(process)
        process.start()
        return process

    yield start
    for process in started:
        process.close()


@pytest.fixture
def control(folder: Path, robot: RobotConfig) -> Path:
    """Return the control socket of a policy process that works in `folder`."""
    return folder / robot.runtime.control_socket


@pytest.fixture
def start(folder: Path, robot_file: Path) -> Iterator[StartService]:
    """Starts policy processes in `folder` as systemd does, what hangs in them, and keys of the robot file's policy."""
    with ExitStack() as stack:

        def begin(hangs: str = "", watchdog_s: float | None = 2.0, **changes: str) -> WatchedService:
            path = write_robot(folder, robot_file, **changes)
            return stack.enter_context(WatchedService(policy_that(hangs, path), folder, watchdog_s=watchdog_s))

        yield begin


@pytest.fixture
def trial() -> Iterator[Trial]:
    """Return a trial that is armed; whatever the test did with it, no command may have jumped."""
    made = Trial()
    yield made
    made.assert_no_jump()


@pytest.fixture
def moving(trial: Trial) -> Trial:
    """Return a trial in the middle of a motion."""
    trial.run(21, towards=POSE + 0.5)
    assert trial.stage.state is CommandState.FOLLOWING
    assert not trial.stage.at_rest
    return trial
