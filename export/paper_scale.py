"""Both graphs of S-VAM at the size of the paper, with random weights: what export, memory and disk cost, and something to try engines on.

`python -m export.paper_scale --folder FOLDER [--precision fp16|fp32] [--check]` writes foresight.<precision>.onnx, its weights beside it
(1.9 billion of them), action.<precision>.onnx and samples.npz, and says time, peak memory, sizes and parameters.

`--check` runs one picture through torch and through ONNX Runtime and says how far their tokens are apart; it takes minutes, and in fp16
says little, because ONNX Runtime computes halves in float32 on a processor.

FP16 means what `policy.half()` means: halves inside, the contract's bytes and float32 outside. The later half of the UNet and the
autoencoder's decoder are never made: the foresight does not contain them.
"""

from __future__ import annotations

import argparse
import gc
import logging
import math
import resource
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnx
import onnxruntime
import torch
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table
from torch import nn

from export.module_names import name_by_module
from export.onnx_graphs import OPSET, Arrays, Graph, run_torch
from export.svam import TRIAL_INSTRUCTIONS, TRIAL_JOINTS, enliven, random_samples
from export.trained_policy import policy_graphs
from interfaces.bundle_artefact import WEIGHTS_SUFFIX
from interfaces.progress import Progress
from models.svam.config import SvamConfig
from models.svam.policy import SvamPolicy
from models.svam.video_model import VideoModel, build_video_model

Precision = Literal["fp16", "fp32"]
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
    parity_max_abs: float | None = None  # of ONNX Runtime from torch, where that was asked for


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
    name_by_module(model)
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


def export_paper_scale(
    folder: Path, config: SvamConfig, precision: Precision, progress: Progress, *, check: bool = False
) -> list[Exported]:
    """Write both graphs and samples.npz; the action graph is made from random tokens, because a foresight takes minutes here."""
    folder.mkdir(parents=True, exist_ok=True)
    samples = random_samples(config, n_samples=4)
    draw = np.random.default_rng(1)
    tokens = draw.standard_normal((4, config.n_tokens, config.token_dim)).astype(np.float32)
    told: Arrays = {**samples, "tokens": tokens}
    progress(0, 4, "making random weights")
    exported, wanted = _from_torch(folder, hollow_policy(config, precision), told, progress, check=check)
    with (folder / "samples.npz").open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **samples)
    if check:
        gc.collect()  # ONNX Runtime's copy of the weights comes in the place of torch's
        progress(3, 4, "running both graphs in ONNX Runtime")
        differences = [_difference(one.path, told, output) for one, output in zip(exported, wanted, strict=True)]
        exported = [replace(one, parity_max_abs=worst) for one, worst in zip(exported, differences, strict=True)]
    progress(4, 4, "written")
    return exported


def _from_torch(
    folder: Path, policy: SvamPolicy, told: Arrays, progress: Progress, *, check: bool
) -> tuple[list[Exported], list[NDArray[np.float32]]]:
    """Return what was written, and torch's output on the first sample of each graph where that is asked for."""
    precision = "fp16" if policy.goal_table.dtype == torch.float16 else "fp32"
    exported: list[Exported] = []
    wanted: list[NDArray[np.float32]] = []
    for done, graph in enumerate(policy_graphs(policy), start=1):
        progress(done, 4, f"exporting the {graph.name} graph")
        exported.append(write_graph(graph, told, folder / f"{graph.name}.{precision}.onnx"))
        if check:
            progress(done, 4, f"running the {graph.name} graph in torch")
            wanted.append(run_torch(graph, {name: told[name][:1] for name in graph.inputs})[0])
    return exported, wanted


def _difference(path: Path, told: Arrays, wanted: NDArray[np.float32]) -> float:
    runtime: Any = onnxruntime  # partly without types
    options = runtime.SessionOptions()
    options.add_session_config_entry("session.disable_prepacking", "1")  # a second copy of all weights, for speed
    session = runtime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    inputs = {tensor.name: np.asarray(told[tensor.name][0]) for tensor in session.get_inputs()}
    return float(np.abs(np.asarray(session.run(None, inputs)[0]) - wanted).max())


def main() -> None:
    """Export at paper scale and say what it took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="where the files go: 4 GB in fp16, 8 in fp32")
    parser.add_argument("--precision", choices=("fp16", "fp32"), default="fp16")
    parser.add_argument("--check", action="store_true", help="compare one output with torch's, in minutes")
    arguments = parser.parse_args()
    console = Console()
    with console.status("starting") as status:
        exported = export_paper_scale(
            arguments.folder, paper_config(), arguments.precision,
            lambda _done, _total, text: status.update(text), check=arguments.check,
        )  # fmt: skip
    table = Table("graph", "weights, M", "nodes", "graph, MB", "weights file, MB", "export, s", "max-abs off torch")
    for one in exported:
        table.add_row(
            one.path.name, f"{one.n_weights / 1e6:.1f}", str(one.n_nodes), f"{one.graph_bytes / 1e6:.1f}",
            f"{one.weights_bytes / 1e6:.0f}", f"{one.export_s:.0f}",
            "not asked" if one.parity_max_abs is None else f"{one.parity_max_abs:.1e}",
        )  # fmt: skip
    console.print(table)
    console.print(f"peak memory {peak_rss_bytes() / 1e9:.2f} GB")


if __name__ == "__main__":
    main()
