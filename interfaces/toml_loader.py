"""Strict TOML into frozen dataclasses: an unknown, missing or ill-typed key is an error that names file, key, value and expectation.

The dataclass is the schema. Supported field types: str, bool, int, float, tuples of these, nested dataclasses, tuples of nested
dataclasses (TOML arrays of tables), Literal of strings, `X | None` for a key that may be left out, and `A | B` of dataclasses that
one Literal field, of the same name in each, tells apart.
"""

from __future__ import annotations

import sys
import types
from dataclasses import MISSING, fields, is_dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from interfaces.errors import ConfigError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

T = TypeVar("T")
_UNIONS = (Union, types.UnionType)
_SCALARS = {str: "a string", bool: "true or false", int: "a whole number", float: "a number"}


def load_toml(path: Path, schema: type[T]) -> T:
    """Return the file at `path` as a `schema`; raises ConfigError when it cannot be read or says something else."""
    return from_table(read_toml(path), schema, str(path))


def parse_toml(text: str, schema: type[T], file: str) -> T:
    """Return the TOML `text` as a `schema`; `file` is where it comes from, for messages. Raises ConfigError as `load_toml`."""
    return from_table(parse_table(text, file), schema, file)


def read_toml(path: Path) -> dict[str, Any]:
    """Return the table in the file at `path`; raises ConfigError when it is absent or not TOML."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(str(path), "file", error.strerror, "a readable TOML file") from error
    except UnicodeDecodeError as error:
        raise ConfigError(str(path), "file", str(error), "valid TOML in UTF-8") from error
    return parse_table(text, str(path))


def parse_table(text: str, file: str) -> dict[str, Any]:
    """Return the TOML `text` as a table; raises ConfigError where it is none."""
    try:
        return tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # no TOMLDecodeError: 5000 digits, brackets a thousand deep
        raise ConfigError(file, "file", str(error), "valid TOML in UTF-8") from error


def from_table(table: dict[str, Any], schema: type[T], file: str, prefix: str = "") -> T:
    """Return `table` as a `schema`; `prefix` is the path of keys that leads to it, for messages."""
    hints = get_type_hints(schema)
    wanted = {field.name: field for field in fields(cast("Any", schema))}
    for key in table:
        if key not in wanted:
            raise ConfigError(file, prefix + key, table[key], f"one of {', '.join(sorted(wanted))}")
    values: dict[str, Any] = {}
    for name, field in wanted.items():
        if name in table:
            values[name] = _value(table[name], hints[name], file, prefix + name)
        elif _may_be_absent(hints[name]):
            values[name] = None
        elif field.default is MISSING:
            raise ConfigError(file, prefix + name, None, _describe(hints[name]))
    try:
        return schema(**values)
    except _InconsistentError as error:
        raise ConfigError(file, prefix + error.key, error.value, error.expected) from error


def variant_from_table(table: dict[str, Any], schemas: tuple[type[T], ...], file: str, prefix: str = "") -> T:
    """Return `table` as the one of `schemas` that its tag chooses: the field that is a Literal in the first of them."""
    tag = next(name for name, hint in get_type_hints(schemas[0]).items() if get_origin(hint) is Literal)
    by_tag = {name: schema for schema in schemas for name in get_args(get_type_hints(schema)[tag])}
    chosen = table.get(tag)
    if not isinstance(chosen, str) or chosen not in by_tag:
        raise ConfigError(file, prefix + tag, chosen, "one of " + ", ".join(map(repr, by_tag)))
    return from_table(table, by_tag[chosen], file, prefix)


class _InconsistentError(ValueError):
    def __init__(self, key: str, value: object, expected: str) -> None:
        super().__init__(f"{key}; expected {expected}")  # the value may be too long to be shown
        self.key, self.value, self.expected = key, value, expected


def require(condition: bool, key: str, value: object, expected: str) -> None:  # noqa: FBT001 - reads as a sentence at the call
    """Check a rule between values in a schema's `__post_init__`; the loader adds file and key path to the message."""
    if not condition:
        raise _InconsistentError(key, value, expected)


def _value(value: Any, hint: Any, file: str, key: str) -> Any:
    hint = _without_none(hint)
    origin = get_origin(hint)
    if is_dataclass(hint) and isinstance(hint, type):
        if not isinstance(value, dict):
            raise ConfigError(file, key, value, "a table")
        return from_table(cast("dict[str, Any]", value), hint, file, key + ".")
    if origin in _UNIONS:
        return _variant(value, get_args(hint), file, key)
    if origin is tuple:
        return _tuple(value, get_args(hint)[0], file, key)
    if origin is Literal:
        if value not in get_args(hint):
            raise ConfigError(file, key, value, _describe(hint))
        return value
    return _scalar(value, hint, file, key)


def _variant(value: Any, schemas: tuple[Any, ...], file: str, key: str) -> Any:
    if not isinstance(value, dict):
        raise ConfigError(file, key, value, "a table")
    return variant_from_table(cast("dict[str, Any]", value), schemas, file, key + ".")


def _tuple(value: Any, item: Any, file: str, key: str) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise ConfigError(file, key, value, f"a list, each item {_describe(item)}")
    items = cast("list[Any]", value)
    return tuple(_value(entry, item, file, f"{key}[{index}]") for index, entry in enumerate(items))


def _scalar(value: Any, hint: Any, file: str, key: str) -> Any:
    if hint is float and isinstance(value, int) and not isinstance(value, bool):
        try:
            return float(value)
        except OverflowError as error:
            raise ConfigError(file, key, "a number of hundreds of digits", _describe(hint)) from error
    if type(value) is not hint:  # bool is an int in Python, not in a robot file
        raise ConfigError(file, key, value, _describe(hint))
    if hint is float and value != value:
        raise ConfigError(file, key, value, "a number, not NaN")
    return value


def _may_be_absent(hint: Any) -> bool:
    return get_origin(hint) in _UNIONS and type(None) in get_args(hint)


def _without_none(hint: Any) -> Any:
    if not _may_be_absent(hint):
        return hint
    return next(arg for arg in get_args(hint) if arg is not type(None))


def _describe(hint: Any) -> str:
    hint = _without_none(hint)
    if get_origin(hint) is Literal:
        return "one of " + ", ".join(repr(arg) for arg in get_args(hint))
    if get_origin(hint) is tuple:
        return f"a list, each item {_describe(get_args(hint)[0])}"
    return _SCALARS.get(hint, "a table")
