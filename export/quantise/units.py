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
    path: tuple[str, ...]  # its modules, from the outermost, its own word, and its name, which no other has
    kept_by: KeptBy | None
    reason: str


def units_of(
    blocks: dict[str, tuple[Block, ...]], pinned: Collection[str] = (), units_max: int = UNITS_MAX
) -> tuple[Unit, ...]:
    """Return the units of a policy's graphs, in their order; `blocks` are those of each graph by its name.

    Units are single blocks where there are few enough; else modules, those of much work split furthest, and what is kept for one
    reason is one unit. `pinned` holds names that a person keeps in higher precision: "conv_2", "foresight/policy.stem.*". A name
    fits a block of that name, and every block of a module of that name. Raises ConfigError for a pin that fits no block.
    """
    parts = [part for graph, of_graph in blocks.items() for part in _parts(graph, of_graph, pinned)]
    _check_pins(pinned, parts)
    single = [_Group((part.path[-1],), [part]) for part in parts]
    groups = single if len(single) <= units_max else _joined(parts, units_max)
    return tuple(_unit(group) for group in sorted(groups, key=lambda group: parts.index(group.parts[0])))


def _parts(graph: str, blocks: Iterable[Block], pinned: Collection[str]) -> Iterable[_Part]:
    module: tuple[str, ...] = ()
    for block in blocks:
        pins = [pin for pin in pinned if _fits(pin, graph, block.name)]
        kept_by: KeptBy | None = "pinned" if pins else "default" if block.kept_because is not None else None
        *words, last = block.name.split(".")
        module = tuple(words) or module  # a block whose module the exporter forgot lies beside the one before it
        reason = ", ".join(pins) or block.kept_because or ""
        yield _Part(graph=graph, block=block, path=(*module, last, block.name), kept_by=kept_by, reason=reason)


def _fits(pin: str, graph: str, block: str) -> bool:
    patterns = (pin, f"{pin}.*")
    return any(fnmatchcase(name, pattern) for name in (block, f"{graph}/{block}") for pattern in patterns)


def _check_pins(pinned: Collection[str], parts: list[_Part]) -> None:
    names = [part.block.name for part in parts]
    for pin in pinned:
        if not any(_fits(pin, part.graph, part.block.name) for part in parts):
            near = get_close_matches(pin, names, n=3, cutoff=0.3) or names[:3]
            raise ConfigError("the export's options", "pin", pin, f"the name of a block, such as {', '.join(near)}")


@dataclass(frozen=True, slots=True)
class _Group:
    """Parts whose paths begin alike."""

    prefix: tuple[str, ...]
    parts: list[_Part]

    @property
    def macs(self) -> int:
        return sum(part.block.macs for part in self.parts)

    def split(self) -> list[_Group]:
        """Return the groups of the next word that differs; of one part, itself."""
        depth = len(self.prefix) + 1
        while len(self.parts) > 1:
            groups: dict[tuple[str, ...], list[_Part]] = defaultdict(list)
            for part in self.parts:
                groups[part.path[:depth]].append(part)
            if len(groups) > 1:
                return [_Group(prefix, parts) for prefix, parts in groups.items()]
            depth += 1
        return [self]


def _joined(parts: list[_Part], units_max: int) -> list[_Group]:
    """Join what is kept by its reason, and the others by module: the largest group is split first, while there is room."""
    kept: dict[tuple[str, ...], list[_Part]] = defaultdict(list)
    free: dict[str, list[_Part]] = defaultdict(list)
    for part in parts:
        if part.kept_by is None:
            free[part.graph].append(part)
        else:
            kept[part.graph, part.kept_by, part.reason].append(part)
    done = [_Group((reason,), of_reason) for (_, _, reason), of_reason in kept.items()]
    waiting = [_Group((), of_graph) for of_graph in free.values()]
    while waiting:
        largest = max(waiting, key=lambda group: group.macs)
        waiting.remove(largest)
        smaller = largest.split()
        if len(smaller) > 1 and len(done) + len(waiting) + len(smaller) <= units_max:
            waiting += smaller
        else:
            done.append(largest)
    return done


def _unit(group: _Group) -> Unit:
    parts, first = group.parts, group.parts[0]
    return Unit(
        name=first.block.name if len(parts) == 1 else ".".join(group.prefix) or "everything else",
        graph=first.graph,
        kind=", ".join(dict.fromkeys(part.block.kind for part in parts)),
        blocks=tuple(part.block.name for part in parts),
        macs=group.macs,
        kept_by=first.kept_by,
        reason=first.reason,
    )
