"""What can be asked of the page, and what is answered. Every answer is made from what the poller saw; nothing is asked of the robot."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from http import HTTPStatus
from pathlib import Path

from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

from interfaces.robot_config import RobotConfig
from runtime.page.looking import Looking
from runtime.page.metrics import registry
from runtime.page.server import Reply, plain
from runtime.status.changes import Watched
from runtime.status.robot_status import as_json
from runtime.status.verdict import as_object, judge

_HERE = Path(__file__).parent
_NOT_YET = plain(HTTPStatus.SERVICE_UNAVAILABLE, "nothing was seen of the robot yet")


class Answers:
    """The paths of the page; for any thread."""

    def __init__(self, robot: RobotConfig, seen: Watched, looking: Looking) -> None:
        self._robot = robot
        self._seen = seen
        self._looking = looking
        self._registry = registry(lambda: seen.newest)
        self._page = _page()

    def answer(self, path: str, query: Mapping[str, str]) -> Reply:
        """Return what is answered."""
        match path:
            case "/":
                return self._page
            case "/status.json":
                return self._status()
            case "/foresight.json":
                return self._foresight()
            case "/picture.jpg":
                return self._picture(query.get("camera"))
            case "/metrics":
                return Reply(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(self._registry))
            case "/healthz":
                return _NOT_YET if self._seen.newest is None else plain(HTTPStatus.OK, "ok")
            case _:
                return plain(
                    HTTPStatus.NOT_FOUND, "there is /, /status.json, /foresight.json, /picture.jpg, /metrics, /healthz"
                )

    def _status(self) -> Reply:
        status, seen = self._seen.newest, self._seen
        if status is None:
            return _NOT_YET
        told = {
            **as_json(status),
            "verdict": as_object(judge(status)),
            "cameras": [camera.name for camera in self._robot.cameras],
            "events": [{"at": event.at, "line": event.line} for event in seen.events],
            "figures": {name: [_rounded(value) for value in values] for name, values in seen.figures.items()},
        }
        return _json(told)

    def _foresight(self) -> Reply:
        told = self._looking.foresight()
        return plain(HTTPStatus.NOT_FOUND, "no foresight now") if told is None else _json(told)

    def _picture(self, camera: str | None) -> Reply:
        jpeg = self._looking.picture(camera)
        if jpeg is None:
            return plain(HTTPStatus.NOT_FOUND, "no picture of such a camera now")
        return Reply(HTTPStatus.OK, "image/jpeg", jpeg)


def _page() -> Reply:
    """Return the page: one file, whose own style and script, by their hashes, are the only ones that a browser will run."""
    style, script = ((_HERE / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    html = (_HERE / "page.html").read_text(encoding="utf-8")
    body = html.replace("/* page.css */", style).replace("/* page.js */", script)
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; img-src 'self' blob:;"
        " connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return Reply(HTTPStatus.OK, "text/html; charset=utf-8", body.encode(), {"Content-Security-Policy": policy})


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _json(told: Mapping[str, object]) -> Reply:
    return Reply(HTTPStatus.OK, "application/json", json.dumps(told, separators=(",", ":")).encode())


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 1)
