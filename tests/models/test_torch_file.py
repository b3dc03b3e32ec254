"""Checkpoints that are damaged, foreign or absent: one line that names the file, whichever family it is of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from interfaces.errors import ConfigError
from models.small_policy import SmallPolicy, SmallPolicyConfig
from models.small_policy import load_policy as load_small
from models.small_policy import save_policy as save_small
from models.svam.config import SvamConfig
from models.svam.policy import SvamPolicy
from models.svam.policy import load_policy as load_svam
from models.svam.policy import save_policy as save_svam
from models.torch_file import read_torch, write_torch

JOINTS = ("pan", "grip")
Load = Callable[[Path], nn.Module]


def small(path: Path) -> None:
    save_small(
        SmallPolicy(
            SmallPolicyConfig(
                joints=JOINTS,
                instructions=("reach",),
                horizon=2,
                step_ms=50.0,
                first_ms=50.0,
                foresight_age_max_ms=400.0,
            )
        ),
        path,
    )


def svam(path: Path) -> None:
    config = SvamConfig.small_transformer(
        joints=JOINTS, instructions=("reach",), n_frames=1, transformer_blocks=1, decoupler_blocks=1, condenser_layers=1,
        encoder_blocks=1, decoder_blocks=1,
    )  # fmt: skip
    save_svam(SvamPolicy(config), path)


FAMILIES = pytest.mark.parametrize(("save", "load"), [(small, load_small), (svam, load_svam)], ids=["small", "svam"])


@FAMILIES
@pytest.mark.parametrize("share", [0.0, 0.5])
def test_a_damaged_checkpoint_is_one_line(
    save: Callable[[Path], None], load: Load, share: float, tmp_path: Path
) -> None:
    path = tmp_path / "policy.pt"
    save(path)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(ConfigError, match=r"policy\.pt: it cannot be read") as refused:
        load(path)
    assert len(str(refused.value).splitlines()) == 1


@FAMILIES
@pytest.mark.parametrize(
    ("table", "key", "value"),
    [
        ("config", "joints", None), ("config", "wings", 2), ("weights", "chunk_mean", None),
        ("weights", "chunk_mean", torch.zeros(3, 3)),
    ],
    ids=["config without a key", "config of another version", "weights without a part", "weights of other sizes"],
)  # fmt: skip
def test_a_checkpoint_of_something_else_is_one_line(
    save: Callable[[Path], None], load: Load, table: str, key: str, value: object, tmp_path: Path
) -> None:
    path = tmp_path / "policy.pt"
    save(path)
    saved = read_torch(path, torch.device("cpu"))
    saved[table].pop(key, None)
    saved[table] |= {} if value is None else {key: value}
    write_torch(path, saved)
    with pytest.raises(
        ConfigError, match=r"policy\.pt: it does not fit \(.+\); expected a policy of this version"
    ) as no:
        load(path)
    assert len(str(no.value).splitlines()) == 1


@FAMILIES
def test_an_absent_checkpoint_is_the_systems_own_error(
    save: Callable[[Path], None], load: Load, tmp_path: Path
) -> None:
    del save
    with pytest.raises(FileNotFoundError, match=r"policy\.pt"):
        load(tmp_path / "policy.pt")
