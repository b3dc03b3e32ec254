"""What the video model and the action expert read of an instruction: CLIP ViT-B/32's text encoder, as in VPP and S-VAM.

The video model reads the encoder's last hidden state, 20 tokens of 512; the action expert the one projected embedding of 512. Both
become tables of the policy, a row an instruction: no text encoder runs on the robot. Source: seeds.md sections 1.2 and 1.6.
"""

from __future__ import annotations

import torch
from torch import Tensor

from distill.paper.teachers import library, weights

CLIP = "openai/clip-vit-base-patch32"


@torch.no_grad()
def text_tables(name: str, instructions: tuple[str, ...], n_tokens: int) -> tuple[Tensor, Tensor]:
    """Return the tables (n, n_tokens, 512) and (n, 512) of instructions, by a CLIP in a folder or on the hub.

    Raises ForerunError when transformers is not installed, ConfigError when the weights are not to be had.
    """
    transformers = library("transformers", "pip install 'transformers>=5'", "served.text")
    tokenizer = weights(transformers.CLIPTokenizer.from_pretrained, name, "served.text")
    encoder = weights(transformers.CLIPTextModelWithProjection.from_pretrained, name, "served.text").eval()
    tokens = tokenizer([*instructions], padding="max_length", truncation=True, max_length=n_tokens, return_tensors="pt")
    told = encoder(**tokens)
    return told.last_hidden_state, told.text_embeds
