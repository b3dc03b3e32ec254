"""What the page answers is made of what was seen: the page itself, JSON, metrics that Prometheus's own parser takes, pictures."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest
from prometheus_client.parser import text_string_to_metric_families

from bench.run_rig import wait_until
from bench.status_rig import ROBOT, arm, policy, status, unit, units
from interfaces.errors import RefusedError
from interfaces.installed import POLICY_UNIT
from interfaces.request_socket import JsonObject
from runtime.page.answers import Answers
from runtime.page.looking import Looking
from runtime.status.changes import Watched
from runtime.status.robot_status import FaultStatus, RobotStatus

TOKENS: JsonObject = {"tokens": [[0.5, -1.0]], "n_tokens": 1, "token_dim": 2, "instruction": "push", "age_ms": 50.0}


class Policy:
    """Answers in place of the gathering, and counts."""

    def __init__(self) -> None:
        self.asked: list[JsonObject] = []
        self.there = True

    def request_policy(self, request: JsonObject) -> JsonObject:
        self.asked.append(request)
        if not self.there:
            raise RefusedError("gone")
        if "foresight" in request:
            return TOKENS
        return {"jpeg": base64.b64encode(f"picture of {request['picture']}".encode()).decode()}


class Page:
    """The answers, and a poller's turns by hand."""

    def __init__(self) -> None:
        self.seen, self.looking, self.policy = Watched(), Looking([camera.name for camera in ROBOT.cameras]), Policy()
        self.answers = Answers(ROBOT, self.seen, self.looking)

    def turn(self) -> None:
        self.looking.fetch(self.policy)  # pyright: ignore[reportArgumentType]

    def body(self, path: str) -> str:
        reply = self.answers.answer(path, {})
        assert reply.status == 200, reply
        return reply.body.decode()

    def metrics(self) -> dict[str, float]:
        """Return the metrics by name and labels, read by Prometheus's parser."""
        families = text_string_to_metric_families(self.body("/metrics"))
        return {
            f"{sample.name}{{{','.join(map(str, sample.labels.values()))}}}"
            if sample.labels
            else sample.name: sample.value
            for family in families
            for sample in family.samples
        }


@pytest.fixture
def page() -> Page:
    return Page()


@pytest.fixture
def polled(page: Page) -> Iterator[Page]:
    """Return a page with a thread that is its poller."""
    stop = threading.Event()

    def poll() -> None:
        while not stop.wait(0.01):
            page.turn()

    thread = threading.Thread(target=poll)
    thread.start()
    yield page
    stop.set()
    thread.join()


def test_before_anything_was_seen(page: Page) -> None:
    assert page.answers.answer("/status.json", {}).status == 503
    assert page.answers.answer("/healthz", {}).status == 503
    assert not [name for name in page.metrics() if name.startswith("forerun_")]
    assert page.answers.answer("/", {}).status == 200
    assert page.answers.answer("/etc/passwd", {}).status == 404


def test_the_page_is_one_file_and_its_policy_allows_its_own_script_only(page: Page) -> None:
    reply = page.answers.answer("/", {})
    html = reply.body.decode()
    policy = reply.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag in ("style", "script"):
        inner = re.search(f"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
        assert inner is not None
        assert base64.b64encode(hashlib.sha256(inner[1].encode()).digest()).decode() in policy
        assert len(inner[1]) > 1000
    assert not re.findall(r"""(?:src|href)=["']?(?:https?:)?//|@import|url\(""", html)
    assert " style=" not in html  # the policy would refuse it


def test_the_status_is_that_of_the_command_line_and_what_led_to_it(page: Page) -> None:
    page.seen.add(status())
    page.seen.add(status(arm=arm(state="FAULT", why="servo 3 is gone")))
    told = json.loads(page.body("/status.json"))
    assert told["verdict"]["banner"] == "FAULT"
    assert told["verdict"]["exit_status"] == 1
    assert told["events"][0]["line"] == "FOLLOWING -> FAULT: servo 3 is gone"
    assert told["figures"]["foresight_age_ms"] == [68.4, 68.4]
    assert [joint["name"] for joint in told["arm"]["joints"]] == list(ROBOT.arm.joint_names)
    assert page.body("/healthz") == "ok\n"


def test_metrics_have_base_units_and_are_read_by_prometheus_itself(page: Page) -> None:
    seen = status(
        units=units(policy=unit(POLICY_UNIT, restarts=2)), arm=arm(last_fault=FaultStatus(why="hot", ago_s=90.0))
    )
    page.seen.add(seen)
    told = page.metrics()
    expected = {
        "forerun_up{command}": 1, "forerun_up{policy}": 1, "forerun_well": 1, "forerun_state{FOLLOWING}": 1,
        "forerun_state{FAULT}": 0, "forerun_command_missed_periods_total": 2, "forerun_command_periods_total": 10000,
        "forerun_command_bus_errors_total": 3, "forerun_chunk_age_seconds": 0.031, "forerun_frame_age_seconds": 0.082,
        "forerun_foresight_age_seconds": 0.0684, "forerun_joint_temperature_celsius{elbow_flex}": 31,
        "forerun_joint_voltage_volts{gripper}": 12, "forerun_joint_position_radians{shoulder_pan}": 0.25,
        "forerun_joint_target_radians{shoulder_pan}": 0.26, "forerun_joint_effort_ratio{shoulder_pan}": -0.1,
        "forerun_loop_rate_hertz{camera front}": 29.8, "forerun_loop_latency_seconds{foresight,0.99}": 0.006,
        "forerun_instruction{push}": 1, "forerun_instruction{reach}": 0, "forerun_bundle{so101-small,false}": 1,
        "forerun_unit_active{forerun-policy.service}": 1, "forerun_unit_restarts_total{forerun-policy.service}": 2,
        "forerun_last_fault_age_seconds": 90, "forerun_record_free_bytes": 6e10, "forerun_clock_synchronised": 1,
        "forerun_machine_temperature_celsius{CPU-therm}": 51.5, "forerun_command_rate_hertz": 100,
    }  # fmt: skip
    assert {name: told.get(name) for name in expected} == pytest.approx(expected)
    assert told["process_cpu_seconds_total"] > 0


@pytest.mark.parametrize(
    "seen",
    [
        status(arm=None), status(policy=None), status(arm=arm(joints=(), chunk_age_s=None)), status(policy=policy(cameras=(), bundle=None)),
        status(arm=arm(joints=(replace(arm().joints[0], temperature_degc=None, name='a"b\\c\nd'),))),
    ],
)  # fmt: skip
def test_what_nobody_tells_is_left_out_and_the_rest_still_parses(page: Page, seen: RobotStatus) -> None:
    page.seen.add(seen)
    told = page.metrics()
    assert told["forerun_up{command}"] == (seen.arm is not None)
    assert not [name for name in told if "temperature" in name and seen.arm is None and "machine" not in name]


def test_pictures_are_fetched_while_somebody_looks(polled: Page) -> None:
    page = polled
    assert page.policy.asked == []  # nobody looks: nobody is asked
    assert page.body("/picture.jpg") == "picture of front"
    assert page.answers.answer("/picture.jpg", {"camera": "front"}).kind == "image/jpeg"
    assert page.answers.answer("/picture.jpg", {"camera": "../x"}).status == 404
    assert json.loads(page.body("/foresight.json")) == TOKENS
    assert {"picture": "../x"} not in page.policy.asked


def test_an_old_picture_never_passes_for_a_new_one(polled: Page) -> None:
    page = polled
    assert page.body("/picture.jpg") == "picture of front"
    page.policy.there = False
    count = len(page.policy.asked)
    wait_until(lambda: len(page.policy.asked) > count + 1, lambda: "it does not ask")
    assert page.answers.answer("/picture.jpg", {}).status == 404
    assert page.answers.answer("/foresight.json", {}).status == 404


def test_without_a_poller_a_viewer_is_not_kept_for_long(page: Page) -> None:
    t_asked_ns = time.monotonic_ns()
    assert page.answers.answer("/picture.jpg", {}).status == 404
    assert time.monotonic_ns() - t_asked_ns < 30e9
