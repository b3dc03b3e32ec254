"""What is drawn and told of one moment: three ways of looking at one future, each beside what happened, and how far apart they are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from distill.svam.showing.eyes import Eyes
from distill.svam.showing.foreseen import Foreseen, as_seen, foresee, reproduced
from distill.svam.showing.page import Block, Curve, Page, Pixels
from distill.svam.showing.palette import Palette
from distill.svam.showing.watched import Moment
from models.svam.picture_autoencoder import psnr_db

_PSNR_MAX_DB = 60.0  # where really nothing moves, holding still is right beyond all measure
_STILL = "if nothing moved"
_FOOTNOTE = "PSNR: higher is better; errors: lower is. Grey curves: the present frame, held still."

Floats = NDArray[np.float64]
Figures = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """A page, and its figures: means over the foreseen frames."""

    page: Page
    figures: Figures


@dataclass(frozen=True, slots=True, kw_only=True)
class _Future:
    """What is compared: foreseen from `moment`, and the real frames as the video model sees them."""

    moment: Moment
    foreseen: Foreseen
    real: Tensor  # (T, 3, p, p)


def compose(eyes: Eyes, palette: Palette, moment: Moment, n_steps: int) -> Shown:
    """Return what is drawn and told of a moment; the video is generated in `n_steps` steps."""
    policy = eyes.policy
    future = _Future(
        moment=moment, foreseen=foresee(policy, moment.now, moment.task, n_steps), real=as_seen(policy, moment.future)
    )
    parts = (_video(eyes, future, n_steps), _semantics(eyes, palette, future), _geometry(eyes, palette, future))
    ended = "" if moment.succeeded else " and does not succeed"
    page = Page(
        title=f"{moment.task}, seed {moment.seed}: what is foreseen at {moment.instant_s:.2f} s",
        about="From one picture, one instruction and the policy's own noise; below each view, what then really happened.",
        times_s=np.array([frame * policy.config.frame_step_ms / 1000.0 for frame in range(1, len(future.real) + 1)]),
        blocks=tuple(block for block, _ in parts),
        footnote=f"The scripted expert moves the arm{ended}. {_FOOTNOTE}",
    )
    return Shown(page=page, figures={name: value for _, figures in parts for name, value in figures.items()})


def _video(eyes: Eyes, future: _Future, n_steps: int) -> tuple[Block, Figures]:
    foreseen, real = future.foreseen, future.real
    still = foreseen.now.expand_as(real)
    curves = (
        Curve(name="generated", kind="foreseen", values=_psnr_db(foreseen.generated, real)),
        Curve(name=_STILL, kind="still", values=_psnr_db(still, real)),
    )
    best_db = float(_psnr_db(reproduced(eyes.policy, real), real).mean())
    block = Block(
        title="Video",
        about=f"{n_steps} steps of the video model: what foresight was learnt from; the robot does not compute it",
        foreseen_name="generated", happened_name="happened",
        now=future.moment.now, foreseen=_pixels(foreseen.generated), happened=_pixels(real), absent="",
        axis="PSNR, dB", curves=curves, aside=f"the autoencoder's best: {best_db:.0f} dB", from_zero=False, smooth=False,
    )  # fmt: skip
    return block, {**_means(curves, ("generated_psnr_db", "still_psnr_db")), "autoencoder_psnr_db": best_db}


def _semantics(eyes: Eyes, palette: Palette, future: _Future) -> tuple[Block, Figures]:
    foreseen, colour = future.foreseen, palette.semantic
    happened, curves, teacher = None, (), ""
    if eyes.semantic is not None and palette.semantic_variance_ratio is not None:
        teacher, seen = "MobileSAM's ", eyes.semantic.features(future.real)
        now = eyes.semantic.features(foreseen.now[None])
        happened = colour(_floats(seen))
        errors = [
            (said - seen).square().mean((1, 2)) / palette.semantic_variance_ratio for said in (foreseen.semantic, now)
        ]
        curves = _pair(errors)
    block = Block(
        title="Semantic foresight",
        about=f"one step, as on the robot: {teacher}features, along three principal directions of what changes",
        foreseen_name="foreseen", happened_name="teacher sees",
        now=colour(_floats(foreseen.semantic_now)), foreseen=colour(_floats(foreseen.semantic)), happened=happened,
        absent=_absent(eyes, "semantic"), axis="error / variance", curves=curves, aside="", from_zero=True, smooth=True,
    )  # fmt: skip
    return block, _means(curves, ("semantic_error_ratio", "semantic_still_error_ratio"))


def _geometry(eyes: Eyes, palette: Palette, future: _Future) -> tuple[Block, Figures]:
    teacher, foreseen = eyes.geometric, future.foreseen
    if teacher is None:
        return _features_of_geometry(eyes, palette, foreseen), {}
    said, now = (teacher.depth_mm(part) for part in (foreseen.geometric, foreseen.geometric_now[None]))
    seen, still = (teacher.depth_mm(teacher.features(part)) for part in (future.real, foreseen.now[None]))
    curves = _pair([(part - seen).abs().mean((1, 2)) for part in (said, still)])
    near, far = palette.depth.near_mm, palette.depth.far_mm
    block = Block(
        title="Geometric foresight",
        about=f"one step: depth, read out by the frozen teacher's own head; bright {near:.0f} mm, dark {far:.0f} mm",
        foreseen_name="foreseen", happened_name="teacher sees",
        now=palette.depth(_floats(now))[0], foreseen=palette.depth(_floats(said)), happened=palette.depth(_floats(seen)),
        absent="", axis="mean error, mm", curves=curves, aside="", from_zero=True, smooth=True,
    )  # fmt: skip
    return block, _means(curves, ("depth_error_mm", "depth_still_error_mm"))


def _features_of_geometry(eyes: Eyes, palette: Palette, foreseen: Foreseen) -> Block:
    colour = palette.geometric
    return Block(
        title="Geometric foresight",
        about="one step, as on the robot: features along three principal directions of what changes",
        foreseen_name="foreseen", happened_name="teacher sees",
        now=colour(_floats(foreseen.geometric_now)), foreseen=colour(_floats(foreseen.geometric)), happened=None,
        absent=_absent(eyes, "geometric"), axis="", curves=(), aside="", from_zero=True, smooth=True,
    )  # fmt: skip


def _absent(eyes: Eyes, kind: str) -> str:
    return (
        f"{eyes.missing[kind].name} is not there:\nwhat the teacher sees cannot be drawn"
        if kind in eyes.missing
        else ""
    )


def _pair(errors: list[Tensor]) -> tuple[Curve, ...]:
    foreseen, still = errors
    return (
        Curve(name="foreseen", kind="foreseen", values=_floats(foreseen)),
        Curve(name=_STILL, kind="still", values=_floats(still)),
    )


def _means(curves: tuple[Curve, ...], names: tuple[str, ...]) -> Figures:
    return {name: float(curve.values.mean()) for name, curve in zip(names, curves, strict=False)}


def _psnr_db(said: Tensor, real: Tensor) -> Floats:
    return _floats(psnr_db(said, real).clamp(max=_PSNR_MAX_DB))


def _floats(values: Tensor) -> Floats:
    return values.detach().cpu().double().numpy()


def _pixels(pictures: Tensor) -> Pixels:
    bytes_ = (127.5 * (pictures + 1.0)).round().clamp(0.0, 255.0).to(torch.uint8)
    return bytes_.permute(0, 2, 3, 1).cpu().numpy()
