"""Strict loading: every way a file can be wrong is said in one line with file, key, value and expectation."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest

from interfaces.errors import ConfigError
from interfaces.toml_loader import load_toml, require


@dataclass(frozen=True, slots=True, kw_only=True)
class Wheel:
    radius_m: float
    spokes: int

    def __post_init__(self) -> None:
        require(self.radius_m > 0, "radius_m", self.radius_m, "more than 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cart:
    name: str
    colour: Literal["red", "blue"]
    loaded: bool
    sizes: tuple[int, ...]
    wheels: tuple[Wheel, ...]
    bell: str | None


GOOD = """
name = "cart"
colour = "red"
loaded = true
sizes = [1, 2]

[[wheels]]
radius_m = 1
spokes = 12
"""


def load(tmp_path: Path, text: str) -> Cart:
    path = tmp_path / "cart.toml"
    path.write_text(text, encoding="utf-8")
    return load_toml(path, Cart)


def test_a_good_file_loads(tmp_path: Path) -> None:
    cart = load(tmp_path, GOOD)
    assert cart.wheels == (Wheel(radius_m=1.0, spokes=12),)
    assert isinstance(cart.wheels[0].radius_m, float)
    assert cart.sizes == (1, 2)
    assert cart.bell is None


@pytest.mark.parametrize(
    ("change", "key", "words"),
    [
        (("name", "nmae"), "nmae", "one of bell, colour, loaded, name"),
        (('name = "cart"', ""), "name", "is missing; expected a string"),
        (('"red"', '"green"'), "colour", "'green'; expected one of 'red', 'blue'"),
        (("true", "1"), "loaded", "is 1; expected true or false"),
        (("[1, 2]", "[1, true]"), "sizes[1]", "is True; expected a whole number"),
        (("[1, 2]", "3"), "sizes", "is 3; expected a list, each item a whole number"),
        (("spokes = 12", "spokes = 12.0"), "wheels[0].spokes", "is 12.0; expected a whole number"),
        (("radius_m = 1", "radius_m = nan"), "wheels[0].radius_m", "expected a number, not NaN"),
        (("radius_m = 1", "radius_m = -1"), "wheels[0].radius_m", "is -1.0; expected more than 0"),
        (("[[wheels]]", "[wheels]"), "wheels", "expected a list, each item a table"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: tuple[str, str], key: str, words: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, GOOD.replace(*change, 1))
    assert caught.value.key == key
    assert caught.value.file.endswith("cart.toml")
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["name = ", "= 3", 'name = "a\nname'])
def test_what_is_not_toml_is_said_so(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigError, match="valid TOML"):
        load(tmp_path, text)


def test_an_absent_file_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a readable TOML file"):
        load_toml(tmp_path / "absent.toml", Cart)


@dataclass(frozen=True, slots=True, kw_only=True)
class Coal:
    kind: Literal["coal"]
    shovels: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Steam:
    kind: Literal["steam", "vapour"]
    shovels: int
    pressure_pa: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    drive: Coal | Steam


def load_engine(tmp_path: Path, text: str) -> Engine:
    path = tmp_path / "engine.toml"
    path.write_text(text)
    return load_toml(path, Engine)


def test_a_tag_chooses_one_of_several_tables(tmp_path: Path) -> None:
    assert load_engine(tmp_path, 'drive = { kind = "coal", shovels = 2 }').drive == Coal(kind="coal", shovels=2)
    steam = load_engine(tmp_path, 'drive = { kind = "vapour", shovels = 2, pressure_pa = 1 }').drive
    assert steam == Steam(kind="vapour", shovels=2, pressure_pa=1.0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("drive = 1", "drive is 1; expected a table"),
        ("drive = { shovels = 2 }", "drive.kind is missing; expected one of 'coal', 'steam', 'vapour'"),
        ('drive = { kind = "oil" }', "drive.kind is 'oil'; expected one of 'coal', 'steam', 'vapour'"),
        (
            'drive = { kind = "coal", shovels = 2, pressure_pa = 1 }',
            "drive.pressure_pa is 1; expected one of kind, shovels",
        ),
        ('drive = { kind = "steam", shovels = 2 }', "drive.pressure_pa is missing; expected a number"),
    ],
)
def test_what_is_wrong_with_the_chosen_table_is_said(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_engine(tmp_path, text)
    assert said in str(caught.value)
