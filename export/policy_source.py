"""Where an export begins: a finished run of `forerun distill`, or a function of one's own.

runs/so101-small            a folder with policy.pt; the checkpoint says which family it is of
my_policy.py:policy         a Python file, and in it a function without arguments that returns a TorchPolicy
"""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from export.torch_policy import TorchPolicy
from export.trained_policy import CHECKPOINT, trained_policy
from interfaces.errors import ConfigError


def load_source(where: str) -> TorchPolicy:
    """Return the policy at `where`; raises ConfigError saying what is missing or is no policy, and what the file itself raises."""
    file, colon, function = where.rpartition(":")
    if colon and file.endswith(".py"):
        return _call(Path(file), function)
    if not (Path(where) / CHECKPOINT).is_file():
        expected = "a finished run of `forerun distill`, a bundle, or FILE.py:FUNCTION"
        raise ConfigError(where, CHECKPOINT, None, expected)
    return trained_policy(Path(where))


def _call(file: Path, function: str) -> TorchPolicy:
    spec = importlib.util.spec_from_file_location(file.stem, file)
    if spec is None or spec.loader is None or not file.is_file():
        raise ConfigError(str(file), "file", None, "a readable Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[file.stem] = module  # dataclasses look themselves up there
    spec.loader.exec_module(module)
    made = getattr(module, function, None)
    if not callable(made):
        raise ConfigError(str(file), function, made, "a function that returns a TorchPolicy")
    policy = made()
    if not isinstance(policy, TorchPolicy):
        raise ConfigError(str(file), function, type(policy).__name__, "a TorchPolicy as its result")
    return policy
