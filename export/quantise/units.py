"""What is judged and decided together: a block, or in large networks all blocks of one module."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from typing import Literal

from export.quantise.blocks import Block
from export.quantise.variants import BlockId
from interfaces.errors import ConfigError

KeptBy = Literal["default", "pinned"]
# Judging a unit takes seconds; 400 blocks of a video model, in two layouts, would take an hour, 48 modules some minutes.
UNITS_MAX = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Unit:
    """Blocks of one graph that are quantised or kept together."""

    name: str
    graph: str
    kind: str
    blocks: tuple[str, ...]
    macs: int
    kept_by: KeptBy | None  # None: the search decides
    reason: str  # why it is kept; "" where it is not

    @property
    def ids(self) -> frozenset[BlockId]:
        """Return its blocks, as `Variants` wants them."""
        return frozenset(BlockId(self.graph, block) for block in self.blocks)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A block, and what was decided about it before any search."""

    graph: str
    block: Block
    kept_by: KeptBy | None
    reason: str


def units_of(
    blocks: dict[str, tuple[Block, ...]], pinned: Collection[str] = (), units_max: int = UNITS_MAX
) -> tuple[Unit, ...]:
    """Return the units of a policy's graphs, in their order; `blocks` are those of each graph by its name.

    Units are single blocks where there are few enough; else modules, as deep as `units_max` allows, and what is kept for one
    reason is one unit. `pinned` holds names that a person keeps in higher precision: "conv_2", "foresight/policy.stem.*". A name
    fits a block of that name, and every block of a module of that name. Raises ConfigError for a pin that fits no block.
    """
    parts = [part for graph, of_graph in blocks.items() for part in _parts(graph, of_graph, pinned)]
    _check_pins(pinned, parts)
    single = _grouped(parts, None)
    if len(single) <= units_max:
        return single
    deepest = max(part.block.name.count(".") for part in parts) + 1
    for depth in range(deepest, 1, -1):
        units = _grouped(parts, depth)
        if len(units) <= units_max:
            return units
    return _grouped(parts, 1)


def _parts(graph: str, blocks: Iterable[Block], pinned: Collection[str]) -> Iterable[_Part]:
    for block in blocks:
        pins = [pin for pin in pinned if _fits(pin, graph, block.name)]
        kept_by: KeptBy | None = "pinned" if pins else "default" if block.kept_because is not None else None
        yield _Part(graph=graph, block=block, kept_by=kept_by, reason=", ".join(pins) or block.kept_because or "")


def _fits(pin: str, graph: str, block: str) -> bool:
    patterns = (pin, f"{pin}.*")
    return any(fnmatchcase(name, pattern) for name in (block, f"{graph}/{block}") for pattern in patterns)


def _check_pins(pinned: Collection[str], parts: list[_Part]) -> None:
    names = [part.block.name for part in parts]
    for pin in pinned:
        if not any(_fits(pin, part.graph, part.block.name) for part in parts):
            near = get_close_matches(pin, names, n=3, cutoff=0.3) or names[:3]
            raise ConfigError("the export's options", "pin", pin, f"the name of a block, such as {', '.join(near)}")


def _grouped(parts: list[_Part], depth: int | None) -> tuple[Unit, ...]:
    """Join parts by the first `depth` words of their names, and what is kept by its reason; None: nothing is joined."""
    groups: dict[tuple[str, ...], list[_Part]] = defaultdict(list)
    for part in parts:
        if depth is None:
            key = (part.graph, part.block.name)
        elif part.kept_by is not None:
            key = (part.graph, part.kept_by, part.reason)
        else:
            key = (part.graph, "", ".".join(part.block.name.split(".")[:depth]))
        groups[key].append(part)
    return tuple(_unit(key[-1], group) for key, group in groups.items())


def _unit(name: str, parts: list[_Part]) -> Unit:
    first = parts[0]
    return Unit(
        name=first.block.name if len(parts) == 1 else name,
        graph=first.graph,
        kind=", ".join(dict.fromkeys(part.block.kind for part in parts)),
        blocks=tuple(part.block.name for part in parts),
        macs=sum(part.block.macs for part in parts),
        kept_by=first.kept_by,
        reason=first.reason,
    )
