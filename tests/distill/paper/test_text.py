"""CLIP's tables of instructions, from a random CLIP in the library that serves the real one."""

from __future__ import annotations

import importlib
import json
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
import torch

from distill.paper.text import text_tables
from interfaces.errors import ConfigError, ForerunError

with_clip = pytest.mark.skipif(find_spec("transformers") is None, reason="transformers serves CLIP")


@pytest.fixture
def clip(tmp_path: Path) -> Path:
    """A folder with a CLIP text encoder of 16 wide that spells words letter by letter."""
    transformers: Any = importlib.import_module("transformers")
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = ["<|startoftext|>", "<|endoftext|>", *letters, *(f"{letter}</w>" for letter in letters)]
    (tmp_path / "vocab.json").write_text(json.dumps({word: number for number, word in enumerate(words)}))
    (tmp_path / "merges.txt").write_text("#version: 0.2\n")
    tokenizer = transformers.CLIPTokenizer(str(tmp_path / "vocab.json"), str(tmp_path / "merges.txt"))
    tokenizer.save_pretrained(tmp_path)
    torch.manual_seed(0)
    config = transformers.CLIPTextConfig(
        vocab_size=len(words), hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=32, projection_dim=8, bos_token_id=0, eos_token_id=1, pad_token_id=1,
    )  # fmt: skip
    transformers.CLIPTextModelWithProjection(config).save_pretrained(tmp_path)
    return tmp_path


@with_clip
def test_an_instruction_is_a_row(clip: Path) -> None:
    tokens, goals = text_tables(str(clip), ("press", "push it"), 20)
    assert tokens.shape == (2, 20, 16)
    assert goals.shape == (2, 8)
    assert (goals[0] - goals[1]).abs().max() > 1e-3
    again, _ = text_tables(str(clip), ("push it", "press"), 20)
    torch.testing.assert_close(again.flip(0), tokens)


@with_clip
def test_missing_weights_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"served\.text cannot be loaded from there .*hf download") as refused:
        text_tables(str(tmp_path / "clip"), ("press",), 20)
    assert "\n" not in str(refused.value)


def test_a_missing_library_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    with pytest.raises(
        ForerunError, match=r"served\.text: transformers cannot be imported .*pip install 'transformers>=5'"
    ):
        text_tables("anywhere", ("press",), 20)
