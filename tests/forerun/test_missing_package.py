"""A package that only some commands need: where it is missing, one line says which extra brings it, and nothing else is caught."""

import pytest

from forerun.missing_package import named_where_missing
from interfaces.errors import RefusedError


def test_the_extra_that_brings_it_is_named() -> None:
    with (
        pytest.raises(RefusedError, match=r'^matplotlib is not installed: pip install "forerun\[report\]"$'),
        named_where_missing(),
    ):
        raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")


def test_a_module_of_our_own_that_is_missing_is_a_fault() -> None:
    with pytest.raises(ModuleNotFoundError, match="runtime"), named_where_missing():
        raise ModuleNotFoundError("No module named 'runtime.nothing'", name="runtime.nothing")
