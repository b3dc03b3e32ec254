"""Both graphs of S-VAM at the size of the paper, with random weights: what export, memory and disk cost, and something to try engines on.

`python -m export.paper_scale --folder FOLDER [--precision fp16|fp32]` writes foresight.<precision>.onnx with its weights beside it
(1.9 billion of them), action.<precision>.onnx and samples.npz, and says time, peak memory, sizes and parameters.

FP16 means what `policy.half()` means: halves inside, the contract's bytes and float32 outside. The later half of the UNet and the
autoencoder's decoder are never made: the foresight does not contain them.
"""

from __future__ import annotations

import argparse
import logging
import math
import resource
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import onnx
import torch
from rich.console import Console
from rich.table import Table
from torch import nn

from export.bundle_writer import WEIGHTS_SUFFIX
from export.onnx_graphs import OPSET, Arrays, Graph
from export.svam import TRIAL_INSTRUCTIONS, TRIAL_JOINTS, enliven, random_samples, svam_graphs
from models.svam.config import SvamConfig
from models.svam.policy import SvamPolicy
from models.svam.video_model import VideoModel, build_video_model

Precision = Literal["fp16", "fp32"]
Progress = Callable[[int, int, str], None]
LARGEST_FILE_BYTES = 1_900_000_000  # protobuf ends at 2 GiB, and there is more in a file than weights
FLOATS = (onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """One graph on disk, and what it cost to put it there."""

    path: Path
    n_weights: int  # in the graph: what the exporter folded away is gone
    n_nodes: int
    graph_bytes: int
    weights_bytes: int
    export_s: float


def paper_config() -> SvamConfig:
    """Return the paper's sizes for the trial robot."""
    return SvamConfig.paper(joints=TRIAL_JOINTS, instructions=TRIAL_INSTRUCTIONS)


def hollow_policy(config: SvamConfig, precision: Precision, seed: int = 0) -> SvamPolicy:
    """Return a policy with random weights that can only foresee and act: no part is made that the graphs leave out."""
    torch.manual_seed(seed)
    dtype = torch.float16 if precision == "fp16" else torch.float32
    policy = SvamPolicy(config, _hollow_video(config, dtype)).to(dtype)
    return enliven(policy.eval().requires_grad_(requires_grad=False))


def _hollow_video(config: SvamConfig, dtype: torch.dtype) -> VideoModel:
    with torch.device("meta"):
        video = build_video_model(config)
    video.cut()
    video.to(dtype).to_empty(device="cpu")
    for module in video.modules():
        _fill(module)
    return video


def _fill(module: nn.Module) -> None:
    """Give a module's own parameters fresh values: norms the identity, weights torch's usual spread."""
    for name, parameter in module.named_parameters(recurse=False):
        if parameter.ndim >= 2:  # (out, in, ...)
            bound = float(parameter[0].numel()) ** -0.5
            nn.init.uniform_(parameter, -bound, bound)
        else:
            nn.init.constant_(parameter, 1.0 if name == "weight" else 0.0)


def write_graph(graph: Graph, samples: Arrays, path: Path) -> Exported:
    """Export a graph; above 2 GB, the most that one ONNX file holds, its weights go into a file beside it, as in a bundle."""
    t_start_ns = time.monotonic_ns()
    example = tuple(torch.from_numpy(np.asarray(samples[name][0])) for name in graph.inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the exporter warns about its own internals
        logging.getLogger("torch.onnx").setLevel(logging.ERROR)
        torch.onnx.export(
            graph.network, example, str(path), input_names=list(graph.inputs), output_names=[graph.output],
            opset_version=OPSET, dynamo=True, external_data=True, verbose=False,
        )  # fmt: skip
    n_nodes, n_weights = _tidy(path)
    weights = path.with_name(path.name + WEIGHTS_SUFFIX)
    return Exported(
        path=path,
        n_weights=n_weights,
        n_nodes=n_nodes,
        graph_bytes=path.stat().st_size,
        weights_bytes=weights.stat().st_size if weights.exists() else 0,
        export_s=(time.monotonic_ns() - t_start_ns) / 1e9,
    )


def _tidy(path: Path) -> tuple[int, int]:
    """Take the exporter's traces out, put the weights where a bundle has them; return how many nodes and weights there are."""
    made = path.with_name(path.name + ".data")  # torch's name for it
    in_one_file = not made.exists() or made.stat().st_size < LARGEST_FILE_BYTES
    model = onnx.load(path, load_external_data=in_one_file)
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer):
        del part.metadata_props[:]
    weights = path.with_name(path.name + WEIGHTS_SUFFIX)
    for tensor in graph.initializer:
        for entry in tensor.external_data:
            if entry.key == "location":
                entry.value = weights.name
    onnx.save(model, path)
    if in_one_file:
        made.unlink(missing_ok=True)
    else:
        made.replace(weights)
    floats = [tensor for tensor in graph.initializer if tensor.data_type in FLOATS]
    return len(graph.node), sum(math.prod(tensor.dims) for tensor in floats)


def peak_rss_bytes() -> int:
    """Return the most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def export_paper_scale(folder: Path, config: SvamConfig, precision: Precision, progress: Progress) -> list[Exported]:
    """Write both graphs and samples.npz, with torch's tokens for the action graph left random: a forward takes minutes here."""
    folder.mkdir(parents=True, exist_ok=True)
    progress(0, 3, "making random weights")
    policy = hollow_policy(config, precision)
    samples = random_samples(config, n_samples=4)
    draw = np.random.default_rng(1)
    tokens = draw.standard_normal((4, config.n_tokens, config.token_dim)).astype(np.float32)
    exported: list[Exported] = []
    for done, graph in enumerate(svam_graphs(policy), start=1):
        progress(done, 3, f"exporting the {graph.name} graph")
        path = folder / f"{graph.name}.{precision}.onnx"
        exported.append(write_graph(graph, {**samples, "tokens": tokens}, path))
    with (folder / "samples.npz").open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **samples)
    progress(3, 3, "written")
    return exported


def main() -> None:
    """Export at paper scale and say what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the files go: 4 GB in fp16, 8 in fp32")
    parser.add_argument("--precision", choices=("fp16", "fp32"), default="fp16")
    arguments = parser.parse_args()
    console = Console()
    with console.status("starting") as status:
        exported = export_paper_scale(
            arguments.folder, paper_config(), arguments.precision, lambda _done, _total, text: status.update(text)
        )
    table = Table("graph", "weights, M", "nodes", "graph, MB", "weights file, MB", "export, s")
    for one in exported:
        table.add_row(
            one.path.name, f"{one.n_weights / 1e6:.1f}", str(one.n_nodes), f"{one.graph_bytes / 1e6:.1f}",
            f"{one.weights_bytes / 1e6:.0f}", f"{one.export_s:.0f}",
        )  # fmt: skip
    console.print(table)
    console.print(f"peak memory {peak_rss_bytes() / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
