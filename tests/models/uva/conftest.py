"""A UVA as small as one can be, awake, and moments for it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch

from models.moment import Moment
from models.uva.policy import UvaPolicy
from tests.models.uva.tiny_uva import awake, some_moment, tiny


@pytest.fixture(scope="package", autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture
def make() -> Callable[..., UvaPolicy]:
    """Return what makes a policy with some fields of its config changed."""

    def with_changes(**changes: Any) -> UvaPolicy:
        return awake(tiny(**changes))

    return with_changes


@pytest.fixture
def policy() -> UvaPolicy:
    return awake(tiny())


@pytest.fixture
def moment(policy: UvaPolicy) -> Moment:
    return some_moment(policy.config)
