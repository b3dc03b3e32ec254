"""What a command says where a package is missing that only some commands need: which extra of ours brings it."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

from interfaces.errors import RefusedError

_EXTRAS = {"onnx": "export", "torch": "export", "matplotlib": "report"}


@contextmanager
def named_where_missing() -> Generator[None]:
    """Raise RefusedError, with the command that installs it, where such a package is not there; all else passes."""
    try:
        yield
    except ModuleNotFoundError as error:
        extra = _EXTRAS.get(error.name or "")
        if extra is None:
            raise
        raise RefusedError(f'{error.name} is not installed: pip install "forerun[{extra}]"') from error
