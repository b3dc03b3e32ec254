"""A policy as its author hands it over: two torch graphs, what they mean, and some real inputs."""

from __future__ import annotations

from dataclasses import dataclass

from export.onnx_graphs import Arrays, Graph
from interfaces.bundle_manifest import CameraSpec, ChunkSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchPolicy:
    """Everything that an export needs to know; the contract of the graphs is drawn in interfaces/bundle_manifest.py."""

    family: str
    joints: tuple[str, ...]  # in the order of the vectors, named as in the robot file
    instructions: tuple[str, ...]  # in the order of the one-hot input
    cameras: tuple[CameraSpec, ...]
    chunk: ChunkSpec
    foresight_age_max_ms: float  # the oldest foresight seen in training
    foresight: Graph
    action: Graph
    samples: (
        Arrays  # real inputs of both graphs but the tokens, by name, (sample, ...); the first few go into the bundle
    )
