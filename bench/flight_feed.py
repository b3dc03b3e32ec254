"""What the flight record costs those who feed it, what the recorder itself takes, and what a kill takes from the record.

    python -m bench.flight_feed --seconds 20

Microseconds of one call: median / 99 % / maximum, made at 200 Hz as the command process makes them. "there" is a recorder that
writes, "stopped" one under SIGSTOP whose socket is full, "absent" none. The recorder is a process of its own, fed with 200 cycles,
30 chunks and 30 pictures a second (15 of them kept, jpeg); its CPU is in per cent of one core. "lost by kill -9" is how old the
newest cycle in its file is at the kill.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from subprocess import DEVNULL, Popen

import numpy as np

from bench.flight_rig import Flight, Script, fly
from interfaces.flight_wire import CycleEncoder
from interfaces.messages import ActionChunk, Frame
from interfaces.robot_config import load_robot
from interfaces.wire import encode_chunk
from runtime.flight.feed import FlightFeed
from runtime.flight.frame_ring import FrameRingWriter, ring_path
from runtime.flight.reader import read_flight

_ROBOT_FILE = Path(__file__).parents[1] / "robots" / "simulated.toml"
_PERIOD_NS = 5_000_000
_CALLS = 2000
_KILLS = 5


class Sender:
    """The command and the policy process, as the recorder knows them: cycles, chunks and pictures in their time."""

    def __init__(self, folder: Path, flight: Flight, size_px: tuple[int, int]) -> None:
        socket_path = folder / "record.sock"
        self.feed = FlightFeed(socket_path)
        self.durations_ns: list[int] = []
        self._encoder, self._cycles = CycleEncoder(6), flight.cycles
        self._chunks = flight.chunks
        self._ring = FrameRingWriter(ring_path(socket_path, "front"), *size_px)
        self._rgb, self._size_px = _picture(*size_px), size_px
        self._sequence = 0

    def beat(self, seconds: float) -> None:
        """Send for so long, and note how long each cycle's sending took."""
        t_next_ns = time.monotonic_ns()
        for _ in range(round(seconds * 1e9) // _PERIOD_NS):
            t_next_ns += _PERIOD_NS
            time.sleep(max(0, t_next_ns - time.monotonic_ns()) * 1e-9)
            self._send_cycle()
            if self._sequence % 7 == 0:  # 29 Hz
                self.feed.send(encode_chunk(self._chunk()), time.monotonic_ns())
                self._ring.put(self._frame())

    def close(self) -> None:
        """Hang up."""
        self.feed.close()
        self._ring.close()

    def _send_cycle(self) -> None:
        self._sequence += 1
        t_now_ns = time.monotonic_ns()
        cycle = self._cycles[self._sequence % len(self._cycles)]
        cycle = dataclasses.replace(cycle, sequence=self._sequence, t_woke_ns=t_now_ns, t_command_ns=t_now_ns)
        data = self._encoder.encode(cycle)
        t_start_ns = time.monotonic_ns()
        self.feed.send(data, t_start_ns)
        self.durations_ns.append(time.monotonic_ns() - t_start_ns)

    def _chunk(self) -> ActionChunk:
        t_now_ns = time.monotonic_ns()
        chunk = self._chunks[self._sequence // 7 % len(self._chunks)]
        return dataclasses.replace(chunk, t_state_ns=t_now_ns, t_first_ns=t_now_ns)

    def _frame(self) -> Frame:
        t_now_ns = time.monotonic_ns()
        self._rgb = np.roll(self._rgb, 1, axis=1)  # no two alike
        return Frame(
            camera="front",
            number=self._sequence,
            t_capture_ns=t_now_ns,
            t_arrival_ns=t_now_ns,
            rgb=self._rgb,
            depth_mm=None,
        )


def measure_calls(flight: Flight) -> None:
    """Print what encoding and putting take."""
    encoder, cycle = CycleEncoder(6), flight.cycles[-1]
    _report_calls("CycleEncoder.encode", _timed(lambda: encoder.encode(cycle)))
    with tempfile.TemporaryDirectory(prefix="forerun", dir="/dev/shm") as name:  # where run folders belong
        for width_px, height_px in ((424, 240), (640, 480)):
            ring = FrameRingWriter(Path(name) / "ring", width_px, height_px)
            rgb = _picture(width_px, height_px)
            frame = Frame(camera="front", number=1, t_capture_ns=1, t_arrival_ns=1, rgb=rgb, depth_mm=None)
            _report_calls(
                f"FrameRingWriter.put {width_px}x{height_px}", _timed(lambda ring=ring, frame=frame: ring.put(frame))
            )


def measure_sending(folder: Path, flight: Flight) -> None:
    """Print what sending a cycle takes while the recorder writes, is stopped, and is not there."""
    with _recorder(folder) as recorder:
        for name, number in (("there", signal.SIGCONT), ("stopped", signal.SIGSTOP)):
            recorder.send_signal(number)
            sender = Sender(folder, flight, (424, 240))
            sender.beat(2.0)  # past the first connection; a stopped recorder's socket is full by then
            sender.durations_ns.clear()
            before = sender.feed.dropped
            sender.beat(_CALLS * _PERIOD_NS * 1e-9)
            _report_calls(
                f"FlightFeed.send, recorder {name}", sender.durations_ns, f"{sender.feed.dropped - before} dropped"
            )
            sender.close()
    sender = Sender(folder, flight, (424, 240))
    sender.beat(_CALLS * _PERIOD_NS * 1e-9)
    _report_calls("FlightFeed.send, recorder absent", sender.durations_ns, f"{sender.feed.dropped} dropped")
    sender.close()


def measure_recorder(folder: Path, flight: Flight, size_px: tuple[int, int], seconds: float) -> None:
    """Print what the recorder takes under its full load."""
    with _recorder(folder) as recorder:
        sender = Sender(folder, flight, size_px)
        sender.beat(2.0)
        used_s, written, t_start_ns = _cpu_s(recorder.pid), _folder_bytes(folder), time.monotonic_ns()
        sender.beat(seconds)
        passed_s = (time.monotonic_ns() - t_start_ns) * 1e-9
        cpu = (_cpu_s(recorder.pid) - used_s) / passed_s
        rate_mb_s = (_folder_bytes(folder) - written) / passed_s / 1e6
        memory_mb = _resident_mb(recorder.pid)
        sender.close()
    record = read_flight(folder / "flight")
    width_px, height_px = size_px
    _say(
        f"recorder, pictures {width_px}x{height_px}: {100 * cpu:.1f} % CPU, {rate_mb_s:.2f} MB/s, {memory_mb:.0f} MB resident;"
        f" {len(record.frames) / (seconds + 2.0):.1f} pictures/s kept, lost {sum(record.recorder[-1].lost.values())}"
    )


def measure_kills(folder: Path, flight: Flight) -> None:
    """Print how much of the record a kill takes."""
    ages_ms: list[float] = []
    for _ in range(_KILLS):
        with _recorder(folder) as recorder:
            sender = Sender(folder, flight, (424, 240))
            sender.beat(2.0 + float(np.random.default_rng().uniform(0.0, 1.0)))
            t_kill_ns = time.monotonic_ns()
            recorder.kill()
            recorder.wait()
            sender.close()
        (folder / "record.sock").unlink()
        newest = read_flight(max((folder / "flight").glob("*.mcap"))).cycles[-1]
        ages_ms.append((t_kill_ns - newest.t_woke_ns) / 1e6)
        shutil.rmtree(folder / "flight")
    _say(f"lost by kill -9: {min(ages_ms):.0f}..{max(ages_ms):.0f} ms in {_KILLS} kills")


def main() -> int:
    """Measure everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=float, default=20.0, help="of the recorder's load, for each size of picture")
    seconds: float = parser.parse_args().seconds
    flight = fly(load_robot(_ROBOT_FILE), Script(periods=400))
    measure_calls(flight)
    measures: list[Callable[[Path], None]] = [
        lambda folder: measure_sending(folder, flight),
        lambda folder: measure_recorder(folder, flight, (424, 240), seconds),
        lambda folder: measure_recorder(folder, flight, (640, 480), seconds),
        lambda folder: measure_kills(folder, flight),
    ]
    for measure in measures:
        with tempfile.TemporaryDirectory(prefix="forerun") as name:
            measure(Path(name))
    return 0


@contextmanager
def _recorder(folder: Path) -> Generator[Popen[bytes]]:
    """Run a recorder that listens in `folder`."""
    command = [sys.executable, "-I", "-m", "runtime.flight.recorder_process", str(_ROBOT_FILE)]
    recorder = Popen(command, cwd=folder, stderr=DEVNULL)
    try:
        while not (folder / "record.sock").exists() and recorder.poll() is None:
            time.sleep(0.01)
        yield recorder
    finally:
        recorder.send_signal(signal.SIGCONT)
        recorder.terminate()
        recorder.wait()


def _picture(width_px: int, height_px: int) -> np.ndarray[tuple[int, int, int], np.dtype[np.uint8]]:
    """Return a picture with smooth parts, edges and a sensor's noise."""
    y, x = np.mgrid[0:height_px, 0:width_px]
    smooth = 110 + 60 * np.sin(x / 40) * np.cos(y / 55) + 40 * ((x // 60 + y // 60) % 2)
    noisy = smooth[..., None] + np.random.default_rng(0).normal(0, 3, (height_px, width_px, 3))
    return np.clip(noisy, 0, 255).astype(np.uint8)


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _timed(call: Callable[[], object]) -> list[int]:
    durations_ns: list[int] = []
    for _ in range(_CALLS):
        t_start_ns = time.monotonic_ns()
        call()
        durations_ns.append(time.monotonic_ns() - t_start_ns)
    return durations_ns


def _report_calls(what: str, durations_ns: list[int], more: str = "") -> None:
    median, high = np.percentile(np.array(durations_ns) / 1e3, [50, 99])
    _say(f"{what:<36}{median:7.1f} /{high:7.1f} /{max(durations_ns) / 1e3:8.1f} us  {more}")


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1000


def _folder_bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in (folder / "flight").glob("*.mcap"))


if __name__ == "__main__":
    sys.exit(main())
