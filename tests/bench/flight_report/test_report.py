"""The page: whole in itself, tells what happened, and does not stumble over what a record may lack."""

import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from bench.flight_rig import T_START_NS, FlightWriter, Script, fly
from forerun.__main__ import main
from interfaces.flight import Line
from interfaces.messages import Frame, StageInputKind
from interfaces.robot_config import load_robot

ROBOT_FILE = Path(__file__).parents[3] / "robots/simulated.toml"
ROBOT_TEXT = ROBOT_FILE.read_text(encoding="utf-8")


def write(path: Path, script: Script, image_format: str = "png") -> None:
    lost = {"cycle": 0, "line": 2}
    report = {
        "t_ns": T_START_NS,
        "dropped": lost,
        "overflowed": 0,
        "rejected": 0,
        "unwritten": 5,
        "torn_pictures": 0,
        "disk_used_bytes": 9,
    }
    with FlightWriter(path, ROBOT_TEXT) as writer:
        writer.flight(fly(load_robot(ROBOT_FILE), script))
        for k in range(40):
            t_ns = T_START_NS + k * 100_000_000
            rgb = np.full((24, 42, 3), 5 * k, np.uint8)
            frame = Frame(camera="front", number=k, t_capture_ns=t_ns, t_arrival_ns=t_ns, rgb=rgb, depth_mm=None)
            writer.frame(frame, image_format)
        writer.line(Line(sequence=1, t_ns=T_START_NS, source="command", level=30, text="a <b>bold</b> line & more"))
        writer.json("/recorder", "forerun.Recorder", report, T_START_NS + 1_000_000_000)


class Tags(HTMLParser):
    """Gathers tags, and that each is closed."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # pyright: ignore[reportImplicitOverride]
        self.seen.append((tag, dict(attrs)))
        if tag not in {"meta", "img"}:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # pyright: ignore[reportImplicitOverride]
        self.seen.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:  # pyright: ignore[reportImplicitOverride]
        assert self.open.pop() == tag


@pytest.mark.parametrize("image_format", ["png", "jpeg"])
def test_the_page_needs_nothing_else(tmp_path: Path, image_format: str) -> None:
    write(tmp_path / "a.mcap", Script(told={201: StageInputKind.ESTOP}, missed={100: 2}), image_format)
    out = tmp_path / "report.html"
    assert main(["report", str(tmp_path / "a.mcap"), "--out", str(out)]) == 0
    html = out.read_text(encoding="utf-8")
    tags = Tags(html)
    assert tags.open == []
    assert not [tag for tag, _ in tags.seen if tag in {"script", "link", "iframe"}]
    sources = [attrs["src"] or "" for _, attrs in tags.seen if "src" in attrs]
    assert len(sources) == 2 * 4  # before and after each of four moments
    assert all(source.startswith("data:image/jpeg;base64,/9j/") for source in sources)
    assert not re.findall(r"url\((?!#)", html)
    assert "prefers-color-scheme: dark" in html
    assert len([tag for tag, _ in tags.seen if tag == "svg"]) == 9


def test_the_page_tells_what_happened(tmp_path: Path) -> None:
    write(tmp_path / "a.mcap", Script(told={201: StageInputKind.ESTOP}, missed={100: 2}))
    out = tmp_path / "report.html"
    main(["report", str(tmp_path / "a.mcap"), "--out", str(out)])
    html = out.read_text(encoding="utf-8")
    for told in ("ESTOP by script", "FOLLOWING to ESTOP", "+20.000 ms", "line dropped", "unwritten"):
        assert told in html
    estimated = re.search(r"latency, estimated</span><b>([\d.]+) ms", html)
    assert estimated is not None
    assert float(estimated[1]) == pytest.approx(40.0, abs=2.0)
    assert "a &lt;b&gt;bold&lt;/b&gt; line &amp; more" in html
    assert "<b>bold</b>" not in html


def test_the_same_record_gives_the_same_page(tmp_path: Path) -> None:
    write(tmp_path / "a.mcap", Script(periods=150))
    pages: list[bytes] = []
    for name in ("one.html", "two.html"):
        main(["report", str(tmp_path / "a.mcap"), "--out", str(tmp_path / name)])
        pages.append((tmp_path / name).read_bytes())
    assert pages[0] == pages[1]


@pytest.mark.parametrize("periods", [1, 2, 3, 12])
def test_a_record_of_next_to_nothing_gives_a_page(tmp_path: Path, periods: int) -> None:
    with FlightWriter(tmp_path / "a.mcap", ROBOT_TEXT) as writer:
        writer.flight(fly(load_robot(ROBOT_FILE), Script(periods=periods)))
    assert main(["report", str(tmp_path / "a.mcap"), "--out", str(tmp_path / "r.html")]) == 0
    assert "nothing recorded" in (tmp_path / "r.html").read_text(encoding="utf-8")


def test_a_record_without_a_cycle_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with FlightWriter(tmp_path / "a.mcap", ROBOT_TEXT):
        pass
    assert main(["report", str(tmp_path / "a.mcap"), "--out", str(tmp_path / "r.html")]) == 2
    assert "no cycle of the command process to report" in capsys.readouterr().err


def test_a_page_that_cannot_be_written_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(tmp_path / "a.mcap", Script(periods=20))
    assert main(["report", str(tmp_path / "a.mcap"), "--out", str(tmp_path / "none" / "r.html")]) == 2
    assert "expected a file that can be written" in capsys.readouterr().err
