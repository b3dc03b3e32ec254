"""The two INT8 layouts, both as explicit Q/DQ, made by ONNX Runtime's own quantiser from one set of ranges.

One file cannot serve both: TensorRT wants Q/DQ on inputs only, symmetric and signed; ONNX Runtime's integer kernels on a CPU want it
on the outputs of convolutions, too, and are fastest with unsigned activations (both measured: the TensorRT layout is 1.7 times slower
than fp32 there).

trt-int8   signed symmetric, zero points 0, weights per channel stored as INT8, activations per tensor; Q/DQ on the inputs of quantised
           products and on the skip input of residual sums; biases stay float, outputs are not quantised. The channels that a
           convolution reads are made alike before (export/quantise/even_channels.py).
cpu-int8   unsigned asymmetric activations, signed weights per channel; Q/DQ on inputs, and on outputs of convolutions; INT32 biases.
           The graph around it is rewritten for ONNX Runtime's CPU provider (export/quantise/cpu_rewrites.py).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from difflib import get_close_matches
from typing import Any, cast

import numpy as np
from onnx import ModelProto, TensorProto
from onnxruntime import quantization
from onnxruntime.quantization import calibrate, qdq_quantizer

from export.quantise.blocks import WEIGHTED, Block, Layout, blocks_of
from export.quantise.cast_first import cast_first
from export.quantise.channel_scales import ChannelScales, apply_channel_scales, fold_channel_scales
from export.quantise.cpu_rewrites import linear_as_gemm, rewrite_in_place
from export.quantise.even_channels import even_channels
from export.quantise.graph_edit import drop_unused, sort_nodes
from export.quantise.graph_index import GraphIndex
from export.quantise.placement import join_readers, skip_inputs, split_readers
from export.quantise.ranges import Ranges
from interfaces.errors import ConfigError

# Partly typed: their untyped surface ends in this file.
_quantization, _quantizer, _calibrate = (cast("Any", module) for module in (quantization, qdq_quantizer, calibrate))
_SHAPES_KNOWN = "onnx.infer"  # the mark by which ONNX Runtime's quantiser knows that a graph has its shapes
_FLOAT_OUTPUT = ("Gemm", "MatMul")  # integer kernels with a float output exist for these, and not for convolutions


def quantise(model: ModelProto, ranges: Ranges, layout: Layout, quantised: Collection[str]) -> ModelProto:
    """Return a copy of an fp32 graph in which the blocks named in `quantised` compute in INT8; the graph itself stays as it is.

    `ranges` are those of this graph. Raises ConfigError for a name that is no block, and BundleError for a range that is missing.
    """
    copy = ModelProto()
    copy.CopyFrom(model)
    return quantise_in_place(copy, ranges, layout, quantised)


def quantise_in_place(model: ModelProto, ranges: Ranges, layout: Layout, quantised: Collection[str]) -> ModelProto:
    """Do what `quantise` does to the graph itself, and return it: for graphs of which two do not fit into memory."""
    nodes = _nodes_of(blocks_of(model, layout), quantised)
    same: dict[str, str] = {}  # tensors that were not measured -> those of the same values that were
    skips: dict[str, list[str]] = {}
    if layout == "cpu-int8":
        rewrite_in_place(model)
        same = linear_as_gemm(model, nodes)
    else:
        cast_first(model)
        skips = skip_inputs(GraphIndex(model), nodes)
    if nodes:
        channels: dict[str, ChannelScales] = {}
        if layout == "cpu-int8":
            channels = fold_channel_scales(model, nodes, ranges)
            limits = {tensor: scales.limits for tensor, scales in channels.items()}
        else:
            limits = even_channels(model, nodes, ranges)
        index = GraphIndex(model)
        made = _quantised_outputs(index, nodes) if layout == "cpu-int8" else set[str]()
        read = _quantised_inputs(index, nodes, skips)
        own = split_readers(model, {tensor: names for tensor, names in read.items() if tensor not in made})
        data = {
            own.get(tensor, tensor): _tensor_data(
                limits[tensor] if tensor in limits else ranges[same.get(tensor, tensor)], index.dtype(tensor)
            )
            for tensor in read.keys() | made
        }
        GraphIndex(model).complete(model)  # the quantiser passes over tensors of which the graph tells no type
        _run_quantiser(model, nodes, data, [own.get(tensor, tensor) for tensor in skips], layout)
        apply_channel_scales(model, {own.get(tensor, tensor): scales for tensor, scales in channels.items()})
        join_readers(model, own)
    drop_unused(model)
    sort_nodes(model)
    return model


def _nodes_of(blocks: tuple[Block, ...], quantised: Collection[str]) -> set[str]:
    names = {block.name: block.nodes for block in blocks}
    for name in quantised:
        if name not in names:
            near = get_close_matches(name, names, n=3) or list(names)[:3]
            raise ConfigError("the graph", "block", name, f"the name of a block, such as {', '.join(near)}")
    return {node for name in quantised for node in names[name]}


def _quantised_inputs(index: GraphIndex, nodes: Collection[str], skips: Mapping[str, list[str]]) -> dict[str, set[str]]:
    """Return the activations that are read quantised, and by which nodes."""
    read: dict[str, set[str]] = defaultdict(set)
    for node in index.nodes:
        if node.name in nodes:
            for name in node.input[:2]:  # the third is a bias
                if name not in index.initializers:
                    read[name].add(node.name)
    for tensor, sums in skips.items():
        read[tensor].update(sums)
    return dict(read)


def _quantised_outputs(index: GraphIndex, nodes: Collection[str]) -> set[str]:
    return {node.output[0] for node in index.nodes if node.name in nodes and node.op_type not in _FLOAT_OUTPUT}


def _tensor_data(limits: tuple[float, float], dtype: int) -> Any:
    number = np.float16 if dtype == TensorProto.FLOAT16 else np.float32  # scales come out in the type of the graph
    return _calibrate.TensorData(lowest=number(limits[0]), highest=number(limits[1]))


def _run_quantiser(
    model: ModelProto, nodes: Collection[str], data: dict[str, Any], skips: list[str], layout: Layout
) -> None:
    """Let ONNX Runtime's quantiser put Q/DQ on the inputs of `nodes` and on `skips`, in place."""
    tensorrt = layout == "trt-int8"
    mark = model.metadata_props.add(
        key=_SHAPES_KNOWN, value="onnxruntime.quant"
    )  # or it writes the graph out and in again
    kind = _quantization.QuantType
    quantiser = _quantizer.QDQQuantizer(
        model,
        per_channel=True,
        reduce_range=False,
        weight_qType=kind.QInt8,
        activation_qType=kind.QInt8 if tensorrt else kind.QUInt8,
        tensors_range=data,
        nodes_to_quantize=sorted(nodes),
        nodes_to_exclude=[],
        op_types_to_quantize=list(WEIGHTED),
        extra_options={
            "ActivationSymmetric": tensorrt,
            "WeightSymmetric": True,
            "QuantizeBias": not tensorrt,
            "OpTypesToExcludeOutputQuantization": list(WEIGHTED if tensorrt else _FLOAT_OUTPUT),
        },
    )
    for tensor in skips:
        quantiser.quantize_activation_tensor(tensor)
    quantiser.quantize_model()
    model.metadata_props.remove(mark)
    model.ClearField("producer_name")
    model.ClearField("producer_version")
