"""The bundle of a robot, judged: facts in, checks out. The limits stand here, each with its reason."""

from __future__ import annotations

from bench.doctor.bundle_trial import BundleFacts, ShelfFacts
from bench.doctor.check import Check, Verdict, at_most, good_if, unreadable
from interfaces.robot_config import PolicyConfig

# Of its period each graph may take this much: the other graph, the camera and the recorder need the rest of the cores.
_GOOD_RATIO, _WEAK_RATIO = 0.7, 1.0
_ENGINES = {"OnnxEngine": "ONNX Runtime, on the processor", "TensorrtEngine": "TensorRT, on the GPU"}


def bundle_checks(facts: BundleFacts, shelf: ShelfFacts, policy: PolicyConfig, *, jetson: bool) -> list[Check]:
    """Return the checks of the bundle that a robot with `policy` runs."""
    found = [_opens(facts, policy), *_shelf(shelf)]
    if facts.measured:
        rates = policy.foresight_rate_hz, policy.action_rate_hz
        found += [
            _time("foresight time", facts.foresight_p50_ms, facts.foresight_p99_ms, rates[0]),
            _time("action time", facts.action_p50_ms, facts.action_p99_ms, rates[1]),
            _engine(facts, jetson=jetson),
        ]
    return found


def _opens(facts: BundleFacts, policy: PolicyConfig) -> Check:
    name, limit = "bundle", "its hashes, its fit to the robot and its parity are right"
    if facts.trouble:
        return unreadable(name, limit, f"{facts.trouble}: `forerun doctor --only bundle` gives it more time")
    how = "opens, and reproduces its reference" if facts.measured else "fits; not run beside a robot that runs"
    return Check(
        name=name,
        value=facts.refused or f"{facts.name} ({facts.precision}) {how}",
        limit=limit,
        verdict=good_if(not facts.refused, Verdict.BAD),
        remedy=f"`forerun bundle rollback`, or put a whole one where the robot file says ({policy.bundle})",
    )


def _shelf(shelf: ShelfFacts) -> list[Check]:
    name, limit = "bundle in charge", "proven, or on trial"
    again = f"`forerun bundle activate {shelf.active}` tries it again, `forerun bundle install FOLDER` another"
    if shelf.trouble:
        return [Check(name=name, value=shelf.trouble, limit=limit, verdict=Verdict.BAD, remedy=again)]
    if shelf.stand is None:
        return []
    why = f": {shelf.stand.why}" if shelf.stand.why else ""
    instead = f"; {shelf.previous} is run instead" if not shelf.stand.good and shelf.previous else ""
    left = shelf.previous_stand is not None and shelf.previous_stand.good
    return [
        Check(
            name=name,
            value=f"{shelf.active}, {shelf.stand.standing.value}{why}{instead}",
            limit=limit,
            verdict=Verdict.GOOD if shelf.stand.good else Verdict.WEAK if left else Verdict.BAD,
            remedy=again,
        )
    ]


def _time(name: str, p50_ms: float, p99_ms: float, rate_hz: float) -> Check:
    period_ms = 1000.0 / rate_hz
    return Check(
        name=name,
        value=f"p50 {p50_ms:.1f}  p99 {p99_ms:.1f} ms, of {period_ms:.1f} ms at {rate_hz:g} Hz",
        limit=f"p50 {_GOOD_RATIO * period_ms:.1f} ms at most",
        verdict=at_most(p50_ms, _GOOD_RATIO * period_ms, _WEAK_RATIO * period_ms),
        remedy=f"a lower policy.{name.partition(' ')[0]}_rate_hz, more policy.threads, a faster power mode, or a smaller bundle",
        figures={"p50_ms": p50_ms, "p99_ms": p99_ms},
    )


def _engine(facts: BundleFacts, *, jetson: bool) -> Check:
    """Say what infers; on a Jetson, its accelerator lies idle as long as that is the processor."""
    on_processor = facts.engine == "OnnxEngine"
    return Check(
        name="inference engine",
        value=_ENGINES.get(facts.engine, facts.engine),
        limit="fast enough for the rates above",
        verdict=good_if(not (jetson and on_processor)),
        remedy="`sudo forerun build` builds TensorRT engines for this board; fine without where the times above are good",
    )
