"""Every quantity carries its unit in its name."""

import ast
from collections.abc import Iterator
from pathlib import Path

UNITS = (
    "ns",
    "us",
    "ms",
    "s",
    "hz",
    "rad",
    "deg",
    "rad_s",
    "rad_s2",
    "rad_s3",
    "nm",
    "a",
    "v",
    "m",
    "mm",
    "m_s",
    "kg",
    "mb",
    "degc",
    "px",
    "ratio",
    "gain",
    "turns",
    "per_turn",
    "ticks",
    "counts",
    "per_count",
    "days",
    "bytes",
)

# Numbers without a unit of their own, and not a ratio of two like quantities either.
WITHOUT_UNIT = {
    "action_cosine_min",
    "at_export",  # a gate names its quantity, and so does what was measured of it then ...
    "axis",  # a direction, of length 1
    "cosine",
    "correlation",  # how many neighbours are wrong together
    "distortion",  # OpenCV's coefficients of a lens
    "distortion_sigma",
    "foresight_cosine_min",
    "foresight_max_abs",  # of tokens, which mean something to the network only
    "foresight_off",
    "half_width",  # as `value`
    "have",  # of a need: views, parts of a picture, degrees
    "here",  # ... and now
    "home",  # each family of motors counts in its own unit
    "homes",
    "image_noise",  # grey levels, of 256
    "limit",  # as `value`
    "measured",  # as `limit`
    "nice",  # of the scheduler, and so is realtime_priority; inf where there is no limit
    "parity_max_abs",  # of tokens, or rad, as the graph's output
    "realtime_priority",
    "rotation_wxyz",
    "sigma",  # of equations of any kind
    "table_normal",  # a direction, of length 1
    "threshold",  # grey levels a pixel
    "value",  # a check names its unit beside it; an estimate is held in a field that does
    "want",  # as `have`
}


def float_fields(path: Path) -> Iterator[str]:
    """Names of the fields in this file's dataclasses whose type is a float, an optional float or a tuple of floats."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ClassDef) and any("dataclass" in ast.unparse(mark) for mark in node.decorator_list):
            for field in node.body:
                if isinstance(field, ast.AnnAssign) and is_float(field.annotation):
                    yield ast.unparse(field.target)


def is_float(annotation: ast.expr) -> bool:
    """Whether an annotation holds floats: `float`, `float | None`, `tuple[float, ...]`."""
    names = {node.id for node in ast.walk(annotation) if isinstance(node, ast.Name)}
    return "float" in names and names <= {"float", "tuple", "list", "None"}


def test_float_fields_of_dataclasses_carry_a_unit(root: Path, python_files: list[Path], rooms: set[str]) -> None:
    fields = [
        (str(path), name) for path in python_files if path.parts[0] in rooms for name in float_fields(root / path)
    ]
    assert fields
    bare = [(path, name) for path, name in fields if not name.endswith(tuple(f"_{unit}" for unit in UNITS))]
    assert [entry for entry in bare if entry[1] not in WITHOUT_UNIT] == []
    assert WITHOUT_UNIT - {name for _, name in bare} == set(), "excused, but no longer there"
