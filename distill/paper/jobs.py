"""What is trained at the published size: two decouplers on generated videos, then condenser, context encoder and action network.

Everything else is frozen and runs inside the loss: one-step features of a frame are 21 MB in half precision and a teacher's view of a
video 23 MB, so 10,000 records would be 440 GB; making them anew for each batch costs one step of the video model. The networks of a
job hold only what is trained, since a fit keeps an averaged copy of them and writes both with each state.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 - the field's own spelling
from numpy.typing import NDArray
from torch import Tensor, nn

from distill.fitting import Figures, batch_of, normal_like
from distill.paper.episodes import STEP_S, Episodes
from distill.paper.recipe import PaperRecipe
from distill.paper.teachers import PaperTeachers, as_teachers_see
from distill.svam.autoencoder_stage import as_input
from distill.svam.clips import read_shard
from models.svam.policy import SvamPolicy

_LOOKED_AT = 16
_JOINT_FLOOR_RAD, _CHUNK_FLOOR_RAD = 0.05, 0.02  # no joint counts for more because it hardly moved


@dataclass(frozen=True, slots=True, kw_only=True)
class Frozen:
    """What looks: the policy with its served networks, the teachers, and the episodes."""

    policy: SvamPolicy
    teachers: PaperTeachers
    episodes: Episodes

    @torch.no_grad()
    def features(self, at: NDArray[np.int64], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
        """Return one-step features (B, T, C, g, g) and both anchors (B, dim, g, g) of pictures (B,)."""
        policy = self.policy
        now = as_input(torch.from_numpy(self.episodes.pictures[at]), device)
        text = policy.text_table[torch.from_numpy(self.episodes.task[at]).to(device)]
        noise = policy.initial_noise.expand(len(at), -1, -1, -1, -1)
        features = policy.video.features(noise, policy.video.encode_frame(now), text)
        seen = as_teachers_see(now, policy.config.anchor_px)
        return features, policy.semantic_anchor(seen), policy.geometric_anchor(seen)


class Decouplers(nn.Module):
    """The two networks of a policy that learn from teachers; at this size the anchors are the teachers themselves."""

    def __init__(self, policy: SvamPolicy) -> None:
        super().__init__()
        self.semantic, self.geometric = policy.semantic_decoupler, policy.geometric_decoupler


class DecouplersJob:
    """One-step features and the current frame in, the teachers' view of the generated video out."""

    name = "students"

    def __init__(self, frozen: Frozen, files: list[Path], batch_size: int) -> None:
        """Take the files of generated videos; each one's first record is held out. Raises ConfigError at a damaged file."""
        decouplers = Decouplers(frozen.policy)
        self.network: nn.Module = decouplers
        self.hot: tuple[nn.Module, ...] = (decouplers.semantic, decouplers.geometric)
        self._frozen, self._batch_size = frozen, batch_size
        self._clip = np.concatenate([read_shard(file, "clip") for file in files])
        self._videos = np.concatenate([read_shard(file, "pictures") for file in files])  # (record, T, p, p, 3)
        starts = np.cumsum([0] + [len(read_shard(file, "clip")) for file in files[:-1]])
        self._held_out = starts
        self._learnt = np.setdiff1d(np.arange(len(self._clip)), starts)

    def loss(self, network: nn.Module, draw: torch.Generator) -> Tensor:
        """Return the sum of both squared errors; they share no weight."""
        at = self._learnt[batch_of(len(self._learnt), self._batch_size, draw).cpu().numpy()]
        errors = self._errors(network, at, draw.device, F.mse_loss)
        return errors["semantic"][0] + errors["geometric"][0]

    def look(self, network: nn.Module, step: int) -> Figures:
        """Return errors on held-out records beside those of saying that nothing changes, in shares of the targets' variance."""
        del step
        device = next(network.parameters()).device
        errors = self._errors(
            network, self._held_out[:_LOOKED_AT], device, lambda said, wanted: F.mse_loss(said, wanted) / wanted.var()
        )
        return {
            f"{kind}{what}_error_ratio": float(error)
            for kind, both in errors.items()
            for what, error in zip(("", "_persistence"), both, strict=True)
        }

    def _errors(
        self, network: nn.Module, at: NDArray[np.int64], device: torch.device,
        error: Callable[[Tensor, Tensor], Tensor],
    ) -> dict[str, tuple[Tensor, Tensor]]:  # fmt: skip
        """Return for each kind the student's error, and that of the current frame's features in every future frame's place."""
        assert isinstance(network, Decouplers)
        teachers, config = self._frozen.teachers, self._frozen.policy.config
        features, semantic, geometric = self._frozen.features(self._clip[at], device)
        shape = self._videos.shape
        videos = as_input(torch.from_numpy(self._videos[at]).flatten(0, 1), device).view(
            len(at), shape[1], 3, *shape[2:4]
        )
        seen = as_teachers_see(videos, config.anchor_px)
        errors: dict[str, tuple[Tensor, Tensor]] = {}
        for kind, anchor, ask, student in (
            ("semantic", semantic, teachers.semantic, network.semantic),
            ("geometric", geometric, teachers.geometric, network.geometric),
        ):
            wanted = ask(seen).float()  # (B, T, S, dim)
            still = anchor.float().flatten(2).transpose(1, 2)[:, None].expand_as(wanted)
            errors[kind] = (error(student(features.float(), anchor.float()).float(), wanted), error(still, wanted))
        return errors


class Acting(nn.Module):
    """The parts of a policy that learn to act."""

    def __init__(self, policy: SvamPolicy) -> None:
        super().__init__()
        self.condenser, self.encoder, self.action = policy.condenser, policy.encoder, policy.action


class ActingJob:
    """A foresight, fresh joints and an age in, a chunk of joint targets out."""

    name = "expert"

    def __init__(self, frozen: Frozen, recipe: PaperRecipe) -> None:
        """Set the policy's statistics of joints and chunks from what is learnt, too."""
        acting = Acting(frozen.policy)
        self.network: nn.Module = acting
        self.hot: tuple[nn.Module, ...] = (acting.condenser, acting.encoder, acting.action)
        self._frozen, self._recipe = frozen, recipe
        episodes = frozen.episodes
        driven = episodes.step >= 0
        self._learnt = np.flatnonzero(driven & ~episodes.held_out)
        self._held_out = np.flatnonzero(driven & episodes.held_out)
        self._fit_statistics()

    def loss(self, network: nn.Module, draw: torch.Generator) -> Tensor:
        """Return the objective's loss on a random batch."""
        assert isinstance(network, Acting)
        at = self._learnt[batch_of(len(self._learnt), self._recipe.expert.fit.batch_size, draw).cpu().numpy()]
        joints, age_s, target = self._samples(at, np.random.default_rng(draw.initial_seed()), draw.device)
        policy, tokens = self._frozen.policy, self._tokens(network, at, draw.device)
        clean = (target - joints[:, None] - policy.chunk_mean) / policy.chunk_std
        uniform = torch.rand(len(at), generator=draw, device=draw.device)
        noise = normal_like(target, draw)
        return (
            policy.config.action_objective()
            .loss(self._net(network, tokens, joints, age_s), clean, noise, uniform)
            .mean()
        )

    def look(self, network: nn.Module, step: int) -> Figures:
        """Return how far held-out chunks are off, in mrad, beside standing still."""
        del step
        assert isinstance(network, Acting)
        policy, chosen = self._frozen.policy, np.linspace(0, len(self._held_out) - 1, _LOOKED_AT).astype(np.int64)
        device = policy.chunk_mean.device
        at = self._held_out[chosen]
        joints, age_s, target = self._samples(at, np.random.default_rng(0), device)
        draw = torch.Generator(device=device).manual_seed(0)
        net = self._net(network, self._tokens(network, at, device), joints, age_s)
        chunk = policy.config.action_objective().sample(net, normal_like(target, draw), policy.config.n_steps)
        said = joints[:, None] + chunk * policy.chunk_std + policy.chunk_mean
        off = {"off_mrad": said - target, "still_off_mrad": joints[:, None] - target}
        return {name: 1000.0 * float(values.abs().mean()) for name, values in off.items()}

    def _net(
        self, network: Acting, tokens: Tensor, joints: Tensor, age_s: Tensor
    ) -> Callable[[Tensor, Tensor], Tensor]:
        policy = self._frozen.policy
        normal = (joints - policy.joint_mean) / policy.joint_std
        return lambda noisy, level: network.action(noisy, level, tokens, normal, age_s)

    def _tokens(self, network: Acting, at: NDArray[np.int64], device: torch.device) -> Tensor:
        policy = self._frozen.policy
        with torch.no_grad():
            seen = policy.foresight(*self._frozen.features(at, device))
        task = torch.from_numpy(self._frozen.episodes.task[at]).to(device)
        return network.encoder(network.condenser(seen), policy.goal_table[task])

    def _samples(
        self, at: NDArray[np.int64], rng: np.random.Generator, device: torch.device
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Return joints (B, joint), ages (B,) and targets (B, horizon, joint)."""
        recipe, episodes = self._recipe.expert, self._frozen.episodes
        age_steps = np.rint(rng.uniform(recipe.age_min_ms, recipe.age_max_ms, len(at)) / 1000.0 / STEP_S).astype(
            np.int64
        )
        now = np.minimum(episodes.step[at] + age_steps, episodes.last_step[at])
        joints = episodes.joints_rad[now]
        joints = joints + rng.normal(0.0, recipe.joint_noise_rad, joints.shape).astype(np.float32)
        age_s = ((now - episodes.step[at]) * STEP_S).astype(np.float32)
        values = (joints, age_s, self._targets(now, at))
        return tuple(torch.from_numpy(part).to(device) for part in values)  # pyright: ignore[reportReturnType]

    def _targets(self, now: NDArray[np.int64], at: NDArray[np.int64]) -> NDArray[np.float32]:
        recipe, episodes = self._recipe, self._frozen.episodes
        first, every = round(recipe.first_ms / 1000.0 / STEP_S), round(recipe.step_ms / 1000.0 / STEP_S)
        rows = now[:, None] + first + every * np.arange(recipe.horizon)
        return episodes.target_rad[np.minimum(rows, episodes.last_step[at][:, None])]

    def _fit_statistics(self) -> None:
        policy, episodes, at = self._frozen.policy, self._frozen.episodes, self._learnt
        joints = episodes.joints_rad[episodes.step[at]]
        chunk = self._targets(episodes.step[at], at) - joints[:, None]
        for name, values, floor in (("joint", joints, _JOINT_FLOOR_RAD), ("chunk", chunk, _CHUNK_FLOOR_RAD)):
            getattr(policy, f"{name}_mean").copy_(torch.from_numpy(values.mean(0)))
            getattr(policy, f"{name}_std").copy_(torch.from_numpy(np.maximum(values.std(0), floor)))
