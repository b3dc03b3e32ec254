"""A configuration back into TOML: what interfaces/toml_loader.py reads as the same configuration."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from typing import Any, cast

import numpy as np


def to_toml(config: Any) -> str:
    """Return a dataclass of the kinds that the loader knows as TOML; a value of None is left out."""
    return "\n".join(_table(config, "")).lstrip("\n") + "\n"


def _table(config: Any, path: str) -> list[str]:
    """Return the lines of one table: its own keys, then the tables below it."""
    own: list[str] = []
    below: list[str] = []
    for field in fields(config):
        value = getattr(config, field.name)
        name = f"{path}.{field.name}".lstrip(".")
        if value is None:
            continue
        if is_dataclass(value):
            below += ["", f"[{name}]", *_table(value, name)]
        elif isinstance(value, tuple) and value and is_dataclass(cast("tuple[Any, ...]", value)[0]):
            for item in cast("tuple[Any, ...]", value):
                below += ["", f"[[{name}]]", *_table(item, name)]
        else:
            own.append(f"{field.name} = {_value(value)}")
    return own + below


def _value(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(map(_value, cast('tuple[Any, ...]', value)))}]"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        # A string of JSON is one of TOML, but for halves of characters beyond 16 bits, and for DEL.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(value, (float, np.floating)):
        return repr(float(cast("float", value)))
    if isinstance(value, np.integer):
        return repr(int(cast("int", value)))
    return repr(value)
