"""The toy family among those that forerun knows."""

from __future__ import annotations

import pytest

from models.families import FAMILIES, Family
from tests.distill.family.toy_family import ToyConfig, ToyPolicy


@pytest.fixture(autouse=True)
def toy(monkeypatch: pytest.MonkeyPatch) -> Family:
    family = Family(ToyConfig, ToyPolicy)
    monkeypatch.setitem(FAMILIES, "toy", family)
    return family
