"""Blocks are decided on one by one where they are few, by module where they are many, and a person's word comes first."""

import pytest

from export.quantise.blocks import Block
from export.quantise.units import units_of
from interfaces.errors import ConfigError


def block(name: str, kept_because: str | None = None, macs: int = 100) -> Block:
    return Block(name=name, nodes=(f"node_{name}",), kind="conv", macs=macs, kept_because=kept_because)


def deep() -> tuple[Block, ...]:
    """12 blocks in two modules with three parts each."""
    names = (f"net.{module}.{part}.{leaf}" for module in "ab" for part in "xyz" for leaf in ("conv1", "conv2"))
    return tuple(block(name) for name in names)


def test_few_blocks_are_units_of_their_own() -> None:
    units = units_of({"foresight": (block("a"), block("b", "first layer")), "action": (block("a"),)})
    assert [(unit.graph, unit.name, unit.kept_by, unit.reason) for unit in units] == [
        ("foresight", "a", None, ""),
        ("foresight", "b", "default", "first layer"),
        ("action", "a", None, ""),
    ]
    assert units[0].ids == {("foresight", "a")}


@pytest.mark.parametrize(
    ("most", "names"),
    [
        (12, [f"net.{module}.{part}.{leaf}" for module in "ab" for part in "xyz" for leaf in ("conv1", "conv2")]),
        (7, [*(f"net.a.x.{leaf}" for leaf in ("conv1", "conv2")), "net.a.y", "net.a.z", *(f"net.b.{part}" for part in "xyz")]),
        (6, [f"net.{module}.{part}" for module in "ab" for part in "xyz"]),
        (5, ["net.a.x.conv1", "net.a.x.conv2", "net.a.y", "net.a.z", "net.b"]),
        (3, ["net.a", "net.b"]),
        (1, ["everything else"]),
    ],
)  # fmt: skip
def test_many_blocks_are_joined_by_module(most: int, names: list[str]) -> None:
    units = units_of({"foresight": deep()}, units_max=most)
    assert [unit.name for unit in units] == names
    assert sum(unit.macs for unit in units) == 1200
    assert {one for unit in units for one in unit.blocks} == {one.name for one in deep()}


def test_what_is_much_work_is_split_furthest() -> None:
    blocks = (*deep(), block("net.c.x.large1", macs=5000), block("net.c.x.large2", macs=5000))
    units = units_of({"foresight": blocks}, units_max=4)
    assert [unit.name for unit in units] == ["net.a", "net.b", "net.c.x.large1", "net.c.x.large2"]


def test_a_block_without_a_module_lies_beside_the_one_before_it() -> None:
    blocks = (
        block("net.a.one"),
        block("node_linear_1"),
        block("net.b.one"),
        block("node_linear_2"),
        block("net.b.two"),
    )
    units = units_of({"foresight": blocks}, units_max=2)
    assert [(unit.name, unit.blocks) for unit in units] == [
        ("net.a", ("net.a.one", "node_linear_1")),
        ("net.b", ("net.b.one", "node_linear_2", "net.b.two")),
    ]


def test_what_is_kept_is_joined_by_its_reason_and_never_with_what_is_not() -> None:
    blocks = (*deep(), block("net.a.x.product", "attention"), block("net.b.x.product", "attention"))
    units = units_of({"foresight": blocks}, pinned=("net.b.z",), units_max=7)
    assert [(unit.name, len(unit.blocks), unit.kept_by) for unit in units] == [
        ("net.a.x", 2, None),
        ("net.a.y", 2, None),
        ("net.a.z", 2, None),
        ("net.b.x", 2, None),
        ("net.b.y", 2, None),
        ("net.b.z", 2, "pinned"),
        ("attention", 2, "default"),
    ]


@pytest.mark.parametrize(
    ("pin", "count"),
    [
        ("net.a.x.conv1", 1),
        ("net.a.x", 2),
        ("net.a", 6),
        ("net.*.conv1", 6),
        ("foresight/net.b", 6),
        ("foresight/*", 12),
    ],
)
def test_a_pin_is_a_block_a_module_or_a_pattern(pin: str, count: int) -> None:
    units = units_of({"foresight": deep()}, pinned=(pin,))
    pinned = [unit for unit in units if unit.kept_by == "pinned"]
    assert len(pinned) == count
    assert {unit.reason for unit in pinned} == {pin}


def test_a_pin_of_one_graph_leaves_the_other_alone() -> None:
    units = units_of({"foresight": (block("a"),), "action": (block("a"),)}, pinned=("action/a",))
    assert [unit.kept_by for unit in units] == [None, "pinned"]


def test_a_pin_goes_before_the_default() -> None:
    (unit,) = units_of({"foresight": (block("a", "first layer"),)}, pinned=("a",))
    assert (unit.kept_by, unit.reason) == ("pinned", "a")


@pytest.mark.parametrize("pin", ["net.a.x.conv3", "action/net.a", "net.", ""])
def test_a_pin_that_fits_nothing_is_refused_with_near_misses(pin: str) -> None:
    with pytest.raises(ConfigError, match=r"pin is .*; expected the name of a block, such as net\.\w\.\w\.conv"):
        units_of({"foresight": deep()}, pinned=(pin,))
