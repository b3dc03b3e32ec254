"""The page itself: one HTML file that needs nothing else, for a phone as for a wide screen, light and dark."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from html import escape

from PIL import Image

from bench.flight_report.headline import Headline, Spread
from bench.flight_report.moments import Moment, Stretch
from bench.flight_report.plots import STATE_COLOURS
from runtime.flight.record import FlightRecord, RecordedFrame

_STRETCHES_MAX = 200
_LINES_MAX = 300
_JPEG = b"\xff\xd8"
_STYLE = """
:root { color-scheme: light dark; --ink: #1c2127; --faint: #626b76; --page: #fff; --rule: #d9dde2; --box: #f5f7f9; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ec; --faint: #98a2ad; --page: #14181c; --rule: #323a42; --box: #1c2228; } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--page); margin: 0 auto; max-width: 62rem; padding: 1rem; }
h1 { font-size: 1.5rem; margin: 0.5rem 0 0; } h2 { font-size: 1.15rem; margin: 2.2rem 0 0.4rem; }
h3 { font-size: 1rem; margin: 1.2rem 0 0; }
p { margin: 0.3rem 0; } .faint { color: var(--faint); } svg { width: 100%; height: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
td, th { text-align: right; padding: 0.15rem 0.5rem; border-bottom: 1px solid var(--rule); font-weight: normal; white-space: nowrap; }
th { color: var(--faint); } td:first-child, th:first-child, .text { text-align: left; }
td:first-child, td.text { white-space: normal; }
.scroll { overflow-x: auto; } .scroll svg { min-width: 34rem; } .facts { display: flex; flex-wrap: wrap; gap: 0.6rem; margin: 1rem 0; }
.facts div { background: var(--box); border-radius: 0.4rem; padding: 0.4rem 0.8rem; } .facts b { display: block; font-weight: 600; }
.facts span, figcaption { color: var(--faint); font-size: 0.85rem; }
.pictures { display: flex; flex-wrap: wrap; gap: 0.6rem; } figure { margin: 0.4rem 0; flex: 1 1 16rem; max-width: 30rem; }
img { width: 100%; border-radius: 0.3rem; } .note { border-left: 3px solid #d9a22b; padding-left: 0.6rem; }
.state { color: #fff; border-radius: 0.3rem; padding: 0 0.4rem; font-size: 0.8rem; } details { margin-top: 2rem; }
pre { white-space: pre-wrap; font-size: 0.8rem; }
"""


def page(
    record: FlightRecord,
    headline: Headline,
    stretches: Sequence[Stretch],
    states_svg: str,
    plots: Sequence[tuple[str, str]],
    moments: Sequence[Moment],
) -> str:
    """Return the page; `states_svg` is the states' picture, `plots` are titles and HTML."""
    title = f"Flight of {headline.robot}, {headline.began}"
    parts = [
        f"<h1>{escape(title)}</h1>",
        f'<p class="faint">{escape(_files(record))}</p>',
        *(f'<p class="note">{escape(note)}</p>' for note in _notes(record, headline)),
        _facts(headline),
        _section("Timing", spread_table(headline.timing)),
        _section("States", states_svg + _states(stretches)),
        *(_section(name, svg) for name, svg in plots),
        _section("Moments", "".join(map(_moment, moments))),
        _lines(record),
    ]
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)}</title><style>{_STYLE}</style></head><body>\n"
        + "\n".join(parts)
        + "\n</body></html>\n"
    )


def _files(record: FlightRecord) -> str:
    names = [path.name for path in record.files]
    return names[0] if len(names) == 1 else f"{len(names)} files, {names[0]} to {names[-1]}"


def _notes(record: FlightRecord, headline: Headline) -> list[str]:
    return [*record.notes, *(f"the record lacks {count} {name}" for name, count in headline.lost)]


def _facts(headline: Headline) -> str:
    duration = f"{headline.duration_s:.1f} s"
    if headline.duration_s - headline.covered_s > 0.1:
        duration += f", {headline.covered_s:.1f} s recorded"
    facts = (("duration", duration), *headline.facts)
    return (
        '<div class="facts">'
        + "".join(f"<div><span>{escape(n)}</span><b>{escape(v)}</b></div>" for n, v in facts)
        + "</div>"
    )


def _section(title: str, content: str) -> str:
    return f'<h2>{escape(title)}</h2><div class="scroll">{content}</div>'


def spread_table(spreads: Sequence[Spread]) -> str:
    """Return a table of spreads, a row each."""
    rows = "".join(
        f"<tr><td>{escape(s.name)}</td>{''.join(map(_cell, s.quantiles.tolist()))}<td>{s.unit}</td></tr>"
        for s in spreads
    )
    return f"<table><tr><th></th><th>p50</th><th>p99</th><th>p99.9</th><th>max</th><th></th></tr>{rows}</table>"


def _cell(value: float) -> str:
    return "<td>-</td>" if value != value else f"<td>{value:.{3 if value < 10 else 1}f}</td>"


def _states(stretches: Sequence[Stretch]) -> str:
    rows = "".join(
        f'<tr><td>{s.t_start_s:.3f}&nbsp;s</td><td><span class="state" style="background:{STATE_COLOURS[s.state]}">'
        f'{s.state.name}</span></td><td>{s.duration_s:.3f}&nbsp;s</td><td class="text">{escape(s.why)}</td></tr>'
        for s in stretches[:_STRETCHES_MAX]
    )
    more = len(stretches) - _STRETCHES_MAX
    tail = f'<p class="faint">and {more} more</p>' if more > 0 else ""
    return f'<table><tr><th>from</th><th>state</th><th>for</th><th class="text">why</th></tr>{rows}</table>{tail}'


def _moment(moment: Moment) -> str:
    pictures = "".join(_picture(frame, moment) for frame in moment.pictures) or '<p class="faint">no picture near</p>'
    return (
        f"<h3>{moment.t_s:.3f} s: {escape(moment.title)}</h3><p>{escape(moment.text)}</p>"
        f'<div class="pictures">{pictures}</div>'
    )


def _picture(frame: RecordedFrame, moment: Moment) -> str:
    encoded = _as_jpeg(frame)
    if encoded is None:
        return ""
    off_ms = (frame.t_capture_ns - moment.t_ns) * 1e-6
    caption = f"{frame.camera}, frame {frame.number}, {abs(off_ms):.0f} ms {'before' if off_ms <= 0 else 'after'}"
    data = base64.b64encode(encoded).decode()
    return (
        f'<figure><img src="data:image/jpeg;base64,{data}" alt="{escape(caption)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


def _as_jpeg(frame: RecordedFrame) -> bytes | None:
    """Return the picture as jpeg, which keeps the page small; None where it is damaged."""
    rgb = frame.rgb()
    if rgb is None:
        return None
    encoded = frame.encoded()
    if encoded.startswith(_JPEG):
        return encoded
    smaller = io.BytesIO()
    Image.fromarray(rgb).save(smaller, "jpeg", quality=85)
    return smaller.getvalue()


def _lines(record: FlightRecord) -> str:
    if not record.lines:
        return ""
    zero_ns = record.cycles[0].t_woke_ns if record.cycles else record.lines[0].t_ns
    said = "\n".join(
        f"{(line.t_ns - zero_ns) * 1e-9:9.3f} s  {line.source}: {line.text}" for line in record.lines[:_LINES_MAX]
    )
    more = len(record.lines) - _LINES_MAX
    tail = f"\nand {more} more" if more > 0 else ""
    return f"<details><summary>What was said ({len(record.lines)} lines)</summary><pre>{escape(said + tail)}</pre></details>"
