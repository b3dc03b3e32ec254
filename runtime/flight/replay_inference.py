"""Replay of the inference: the graphs of a bundle run again on what a record holds, next to what came out then.

foresight tokens, joints, age, noise --action graph--> the same chunk?
picture, instruction --foresight graph--> the same tokens?       (exactly only from png: jpeg is not what the graph saw)

Of a policy that looks back, the record tells which earlier pictures went with each: with one of them lost, nothing is compared.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from interfaces.errors import ForerunError
from interfaces.flight import ActionInference, ForesightInference
from interfaces.graph_contract import FORESIGHT_AGE, JOINTS, NOISE, POSITIONS, PREFIX, TOKENS
from interfaces.messages import Foresight, Frame
from runtime.flight.record import FlightRecord, RecordedFrame
from runtime.policy.bundle import LoadedBundle
from runtime.policy.foresight_stage import ForesightStage

Progress = Callable[[float], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphReplay:
    """How a graph's outputs differ from the recorded ones."""

    graph: str
    lossy: bool  # its inputs are not exactly what they were: beyond the limit means little
    runs: int
    compared: int
    identical: int  # to the last bit
    beyond: int  # the bundle's own parity limit
    largest_ratio: float  # difference, of that limit
    not_compared: tuple[tuple[str, int], ...]  # why, and how many runs

    @property
    def same(self) -> bool:
        """Return whether nothing that can be judged is beyond the limit."""
        return self.lossy or self.beyond == 0


def replay_action(record: FlightRecord, bundle: LoadedBundle, progress: Progress = lambda _: None) -> GraphReplay:
    """Return how the chunks differ that the action graph gives again; `progress` is told the share that is done."""
    limit = bundle.running.action_max_abs_rad
    tally = _Tally("action", limit, lossy=False)
    chunks, foresights = record.chunks_by_key(), _Foresights(record)
    takes_prefix = any(tensor.name == PREFIX for tensor in bundle.manifest.action.inputs)
    for index, run in enumerate(record.inferences, start=1):
        progress(index / len(record.inferences))
        chunk = chunks.get((run.chunk_sequence, run.t_state_ns))
        foresight = foresights.behind(run)
        if takes_prefix:
            tally.skip("the graph takes a committed prefix, which no record holds")
        elif chunk is None:
            tally.skip("no such chunk was taken by the command process, or it is not recorded")
        elif foresight is None:
            tally.skip("its foresight is not recorded")
        else:
            tally.judge(_act(run, foresight, bundle), chunk.position_rad)
    return tally.result()


def replay_foresight(record: FlightRecord, bundle: LoadedBundle, progress: Progress = lambda _: None) -> GraphReplay:
    """Return how the tokens differ that the foresight graph gives again from the recorded pictures, like `replay_action`."""
    stage = ForesightStage(bundle)
    lossy = record.robot.record.image_format != "png"
    tally = _Tally("foresight", bundle.running.foresight_max_abs, lossy=lossy)
    if len(bundle.cameras) > 1:
        for _ in record.foresights:
            tally.skip(
                "the bundle sees through several cameras, and no record tells which of their frames were one set"
            )
        return tally.result()
    seen = _seen(record, bundle)
    for index, run in enumerate(record.foresights, start=1):
        progress(index / len(record.foresights))
        frame = seen(run.foresight)
        if isinstance(frame, str):
            tally.skip(frame)
            continue
        try:
            tokens = stage.foresee((frame,), run.foresight.instruction, run.foresight.t_done_ns).tokens
        except ForerunError as error:
            tally.skip(str(error))
            continue
        tally.judge(tokens, run.foresight.tokens)
    return tally.result()


def _act(run: ActionInference, foresight: Foresight, bundle: LoadedBundle) -> NDArray[np.float64]:
    age_ns = max(0, run.t_state_ns - foresight.t_capture_ns)
    outputs = bundle.action.run(
        {
            TOKENS: foresight.tokens,
            JOINTS: run.joints_rad.astype(np.float32),
            FORESIGHT_AGE: np.array(age_ns * 1e-9, np.float32),
            NOISE: run.noise,
        }
    )
    return np.array(outputs[POSITIONS], np.float64)


def _seen(record: FlightRecord, bundle: LoadedBundle) -> Callable[[Foresight], Frame | str]:
    """Return what finds the recorded frame that a foresight saw, with those before it, or says why there is none."""
    [camera] = bundle.cameras
    recorded = {frame.t_capture_ns: frame for frame in record.frames if frame.camera == camera.name}

    @lru_cache(maxsize=4 * camera.n_history)  # what is the newest now is an earlier one of the next
    def at(t_capture_ns: int) -> Frame | None:
        found = recorded.get(t_capture_ns)
        return None if found is None else _frame(found)

    def seen(foresight: Foresight) -> Frame | str:
        newest = at(foresight.t_capture_ns)
        earlier = tuple(frame for frame in map(at, foresight.t_earlier_ns) if frame is not None)
        if newest is None:
            return "its picture is not recorded"
        if len(earlier) < len(foresight.t_earlier_ns):
            return "an earlier picture that it saw is not recorded"
        if 1 + len(earlier) != camera.n_history:
            return f"it saw {1 + len(earlier)} pictures; this bundle sees {camera.n_history}"
        return replace(newest, earlier=earlier)

    return seen


def _frame(recorded: RecordedFrame) -> Frame | None:
    rgb = recorded.rgb()
    if rgb is None:
        return None
    return Frame(
        camera=recorded.camera,
        number=recorded.number,
        t_capture_ns=recorded.t_capture_ns,
        t_arrival_ns=recorded.t_arrival_ns,
        rgb=rgb,
        depth_mm=None,
    )


class _Foresights:
    """Finds foresights by sequence; a policy that starts again counts from the beginning, so the last one before a run is its own."""

    def __init__(self, record: FlightRecord) -> None:
        self._by_sequence = defaultdict[int, list[ForesightInference]](list)
        for run in record.foresights:
            self._by_sequence[run.foresight.sequence].append(run)

    def behind(self, run: ActionInference) -> Foresight | None:
        """Return the foresight that `run` read, or None where it is not recorded."""
        done = [one.foresight for one in self._by_sequence[run.foresight_sequence]]
        before = [foresight for foresight in done if foresight.t_done_ns <= run.t_done_ns]
        return max(before, key=lambda foresight: foresight.t_done_ns, default=None)


class _Tally:
    def __init__(self, graph: str, limit: float, *, lossy: bool) -> None:
        self._graph, self._limit, self._lossy = graph, limit, lossy
        self._compared = self._identical = self._beyond = 0
        self._largest = 0.0
        self._skipped: Counter[str] = Counter()

    def skip(self, why: str) -> None:
        """Count a run that cannot be compared."""
        self._skipped[why] += 1

    def judge(self, found: NDArray[np.floating], recorded: NDArray[np.floating]) -> None:
        """Compare one run's output."""
        if found.shape != recorded.shape:
            self.skip(f"it gave {recorded.shape}; this bundle gives {found.shape}")
            return
        off = float(np.max(np.abs(found - recorded)))
        self._compared += 1
        self._identical += off == 0.0
        self._beyond += not off <= self._limit
        self._largest = max(self._largest, off)

    def result(self) -> GraphReplay:
        """Return what was found."""
        return GraphReplay(
            graph=self._graph,
            lossy=self._lossy,
            runs=self._compared + sum(self._skipped.values()),
            compared=self._compared,
            identical=self._identical,
            beyond=self._beyond,
            largest_ratio=self._largest / self._limit,
            not_compared=tuple(self._skipped.items()),
        )
