"""The small policy: shapes, a picture that is the crop it says, one step of decoding, and a checkpoint that comes back whole."""

from pathlib import Path

import pytest
import torch

from models.small_policy import SmallPolicy, SmallPolicyConfig, load_policy, save_policy

JOINTS = ("a", "b", "c", "d", "e", "f")


@pytest.fixture
def policy() -> SmallPolicy:
    torch.manual_seed(0)
    config = SmallPolicyConfig(
        joints=JOINTS, instructions=("reach", "push"), step_ms=50.0, first_ms=50.0, foresight_age_max_ms=400.0
    )
    return SmallPolicy(config).eval()


def test_shapes(policy: SmallPolicy) -> None:
    tokens, foreseen = policy.foresight(torch.rand(3, 3, 120, 120), torch.eye(2)[[0, 1, 1]])
    assert tokens.shape == (3, 8, 32)
    assert foreseen.shape == (3, 4, 3, 3)
    chunk = policy.decode(tokens, torch.zeros(3, 6), torch.full((3,), 0.1), torch.randn(3, 16, 6))
    assert chunk.shape == (3, 16, 6)


def test_the_picture_is_the_central_square_halved(policy: SmallPolicy) -> None:
    rgb = torch.zeros(1, 240, 424, 3, dtype=torch.uint8)
    rgb[0, :, :92] = 255  # outside the square
    rgb[0, 0:2, 92:94, 0] = torch.tensor([[0, 255], [255, 0]], dtype=torch.uint8)
    picture = policy.picture(rgb)
    assert picture.shape == (1, 3, 120, 120)
    assert picture[0, 0, 0, 0] == pytest.approx(0.5)
    assert picture.sum() == pytest.approx(0.5)


def test_chunks_are_relative_to_the_joints(policy: SmallPolicy) -> None:
    tokens, age, noise = torch.zeros(1, 8, 32), torch.zeros(1), torch.zeros(1, 16, 6)
    policy.joint_std.fill_(1e9)  # the network hardly sees where the joints are; what is left is the frame of reference
    here = policy.decode(tokens, torch.zeros(1, 6), age, noise)
    there = policy.decode(tokens, torch.full((1, 6), 0.7), age, noise)
    torch.testing.assert_close(there, here + 0.7, atol=1e-5, rtol=0)


def test_the_instruction_matters_to_the_tokens(policy: SmallPolicy) -> None:
    picture = torch.rand(1, 3, 120, 120)
    reach, _ = policy.foresight(picture, torch.eye(2)[[0]])
    push, _ = policy.foresight(picture, torch.eye(2)[[1]])
    assert not torch.allclose(reach, push)


def test_a_checkpoint_comes_back_whole(policy: SmallPolicy, tmp_path: Path) -> None:
    policy.chunk_std.fill_(0.3)
    save_policy(policy, tmp_path / "policy.pt")
    again = load_policy(tmp_path / "policy.pt")
    assert again.config == policy.config
    for name, value in policy.state_dict().items():
        torch.testing.assert_close(again.state_dict()[name], value)
    assert [path.name for path in tmp_path.iterdir()] == ["policy.pt"]
