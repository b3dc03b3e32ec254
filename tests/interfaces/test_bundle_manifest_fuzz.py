"""Whatever a manifest says: it is taken, or one error says which key it is, and never a traceback."""

import contextlib
import json
from copy import deepcopy
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interfaces.bundle_manifest import bundle_files, check_fits, parse_manifest
from interfaces.errors import BundleError, ConfigError
from interfaces.graph_contract import check_contract
from interfaces.robot_config import load_robot
from interfaces.toml_loader import read_toml

settings.register_profile(
    "manifest_fuzz", deadline=None
)  # examples are not timed: a busy machine makes any of them slow
settings.load_profile("manifest_fuzz")

ROOT = Path(__file__).parents[2]
ROBOT = load_robot(ROOT / "robots/simulated.toml")
GOOD: dict[str, Any] = read_toml(ROOT / "tests/data/tiny_bundle/manifest.toml")
SHA256 = "0" * 64
GOOD["heldout"] = {"file": "heldout.npz", "sha256": SHA256}
GOOD["documents"] = [{"file": "sensitivity.csv", "sha256": SHA256}]
GOOD["artefacts"].append(
    {
        "precision": "trt-int8",
        "ready": False,
        "foresight": {
            "file": "f.onnx", "sha256": SHA256, "weights": {"file": "f.onnx.weights", "sha256": SHA256},
        },
        "action": {"file": "a.onnx", "sha256": SHA256},
        "foresight_max_abs": 0.1,
        "action_max_abs_rad": 0.1,
        "gates": [{"name": "action error", "limit": 0.02, "measured": 0.05, "outcome": "failed", "worst": "frame 217, joint gripper"}],
    }
)  # fmt: skip

SCALARS = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.just("../x") | st.just(SHA256)
)
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3), max_leaves=5
)  # fmt: skip


def inline(value: Any) -> str:
    """Return a value as TOML on one line; raises TypeError for None, which TOML cannot say."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{inline(k)} = {inline(v)}" for k, v in cast("dict[str, Any]", value).items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(inline, cast("list[Any]", value))) + "]"
    if value is None:
        raise TypeError("None")
    if isinstance(value, int) and not isinstance(value, bool):
        return hex(value) if value > 10**18 else repr(value)
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str | bool) else repr(value)


def dumps(table: dict[str, Any]) -> str:
    """Return a table as TOML; a robot has no library that writes it."""
    return "\n".join(f"{inline(key)} = {inline(value)}" for key, value in table.items())


def paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the way to every value in a table."""
    inner: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        inner = list(cast("dict[str, Any]", value).items())
    elif isinstance(value, list):
        inner = list(enumerate(cast("list[Any]", value)))
    return [path, *(one for key, each in inner for one in paths(each, (*path, key)))]


PATHS = [path for path in paths(GOOD) if path]


def put(table: dict[str, Any], path: tuple[Any, ...], value: Any) -> None:
    """Change what lies at the end of a path; None takes it away."""
    place: Any = table
    for key in path[:-1]:
        place = place[key]
    if value is None:
        del place[path[-1]]
    else:
        place[path[-1]] = value


def taken_or_refused(data: bytes) -> None:
    """Read a manifest and do with it what is done before anything is opened."""
    with contextlib.suppress(ConfigError):
        manifest = parse_manifest(data, "manifest.toml")
        with contextlib.suppress(BundleError):
            assert all("/" not in file and file.isprintable() for file in bundle_files(manifest))
        with contextlib.suppress(BundleError):
            check_contract(manifest)
        with contextlib.suppress(BundleError):
            check_fits(manifest, ROBOT)


@given(st.binary(max_size=300) | st.text(max_size=300).map(str.encode))
def test_any_bytes(data: bytes) -> None:
    taken_or_refused(data)


def test_the_good_one_is_taken() -> None:
    manifest = parse_manifest(dumps(GOOD).encode(), "manifest.toml")
    assert len(bundle_files(manifest)) == 3 + 5


@settings(max_examples=400)
@given(st.lists(st.tuples(st.sampled_from(PATHS), VALUES), min_size=1, max_size=3))
def test_any_values_in_the_place_of_good_ones(changes: list[tuple[tuple[Any, ...], Any]]) -> None:
    table = deepcopy(GOOD)
    for path, value in changes:
        with contextlib.suppress(LookupError, TypeError):  # an earlier change took its place away
            put(table, path, value)
    try:
        data = dumps(table).encode()
    except (TypeError, UnicodeEncodeError):
        return  # None in a list: no TOML says that
    taken_or_refused(data)


@given(st.integers(0), st.integers(0), st.binary(max_size=4))
def test_any_bytes_in_the_place_of_good_ones(start: int, length: int, instead: bytes) -> None:
    data = dumps(GOOD).encode()
    start, length = start % len(data), length % 40
    taken_or_refused(data[:start] + instead + data[start + length :])


@given(st.permutations(range(len(GOOD["action"]["inputs"]))))
def test_tensors_in_another_order_are_the_same_contract(order: list[int]) -> None:
    table = deepcopy(GOOD)
    table["action"]["inputs"] = [GOOD["action"]["inputs"][index] for index in order]
    manifest = parse_manifest(dumps(table).encode(), "manifest.toml")
    check_contract(manifest)
    check_fits(manifest, ROBOT)


@pytest.mark.parametrize("version", [1, 3, 2**70, "2", 2.0, True])
def test_another_format_is_refused_before_anything_else_it_says(version: object) -> None:
    data = dumps({"format": version, "what": "nobody knows"}).encode()
    with pytest.raises(ConfigError) as caught:
        parse_manifest(data, "manifest.toml")
    if type(version) is int:
        assert caught.value.key == "format"
        assert ("newer forerun" if version > 2 else "older forerun") in str(caught.value)


@pytest.mark.parametrize(
    ("path", "value", "complaint"),
    [
        (("artefacts", 1, "ready"), True, "gate action error failed"),
        (("artefacts", 1, "precision"), "fp32", "each precision once"),
        (("artefacts", 1, "precision"), "int4", "one of 'fp32', 'fp16', 'cpu-int8', 'trt-int8'"),
        (("artefacts", 1, "foresight", "weights", "file"), "/etc/passwd", "a file name inside the bundle's folder"),
        (("artefacts", 1, "foresight", "file"), "..", "a file name inside the bundle's folder"),
        (("artefacts", 1, "action", "file"), "a\0.onnx", "a file name inside the bundle's folder"),
        (("heldout", "sha256"), "abc", "64 hexadecimal digits"),
        (("documents", 0, "file"), "a/b.csv", "a file name inside the bundle's folder"),
        (("artefacts", 1, "gates", 0, "outcome"), "good", "one of 'passed', 'failed', 'skipped'"),
        (("artefacts", 1, "gates", 0, "measured"), float("nan"), "not NaN"),
        (
            ("artefacts", 0, "foresight_max_abs"),
            float("inf"),
            "foresight_max_abs is inf; expected 0 or more, and finite",
        ),
        (("artefacts", 0, "action_max_abs_rad"), -1.0, "0 or more, and finite"),
        (("chunk", "step_ms"), float("inf"), "more than 0, and finite"),
        (("chunk", "first_ms"), float("-inf"), "a finite number"),
        (("foresight_age_max_ms",), float("inf"), "more than 0, and finite"),
        (("zzz",), [0] * 100_000, r"zzz is \[0, 0, .*\.\.\.; expected one of"),
    ],
)
def test_what_cannot_be_is_named(path: tuple[Any, ...], value: object, complaint: str) -> None:
    table = deepcopy(GOOD)
    put(table, path, value)
    with pytest.raises(ConfigError, match=complaint):
        parse_manifest(dumps(table).encode(), "manifest.toml")


def test_a_number_too_long_to_be_shown_is_named() -> None:
    table = deepcopy(GOOD)
    put(table, ("chunk", "horizon"), 16**9000)
    with pytest.raises(ConfigError, match=r"chunk\.horizon is a number of thousands of digits; expected 1\.\.64"):
        parse_manifest(dumps(table).encode(), "manifest.toml")


@pytest.mark.parametrize("text", ["a" + ".a" * 400_000 + " = 1", "[a" + ".a" * 400_000 + "]", '"=".b' + ".b" * 101])
def test_a_key_of_endless_parts_costs_no_time(text: str) -> None:
    with pytest.raises(ConfigError, match="dots in it; expected at most 100"):
        parse_manifest(b"format = 2\n" + text.encode(), "manifest.toml")
