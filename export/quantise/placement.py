"""Where Q/DQ goes: the reading of a tensor by a quantised node, and by no other.

ONNX Runtime's quantiser replaces a tensor for *all* its readers, so that a norm or a sum beside a quantised convolution would read
eight bits, too. An Identity on the way to the quantised readers gives them a tensor of their own; it goes once Q/DQ stands.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from onnx import ModelProto, NodeProto, helper

from export.quantise.graph_edit import replace_nodes, reroute
from export.quantise.graph_index import GraphIndex

_SUFFIX = "/int8"
_BETWEEN_PRODUCT_AND_SUM = ("Reshape", "Transpose", "Squeeze", "Unsqueeze", "Add")


def skip_inputs(index: GraphIndex, quantised: Collection[str]) -> dict[str, list[str]]:
    """Return the skip inputs of residual sums behind the quantised nodes: tensor -> the sums that read it.

    With its skip input quantised, TensorRT fuses product and sum into one kernel that reads and writes INT8 (NVIDIA,
    "Adding Custom QDQ Insertion Cases", TensorFlow Quantization Toolkit).
    """
    found: dict[str, list[str]] = defaultdict(list)
    for node in index.nodes:
        if node.name in quantised:
            place = _residual_sum(node, index)
            if place is not None:
                skip, residual = place
                if residual.name not in found[skip]:
                    found[skip].append(residual.name)
    return dict(found)


def _residual_sum(node: NodeProto, index: GraphIndex) -> tuple[str, NodeProto] | None:
    """Return the skip input and the node of the residual sum that reads a product, perhaps behind its bias and a reshape."""
    tensor = node.output[0]
    while (reader := index.only_reader(tensor)) is not None and reader.op_type in _BETWEEN_PRODUCT_AND_SUM:
        if reader.op_type == "Add":
            other = next((name for name in reader.input if name != tensor), None)
            if other is None:
                return None
            if other not in index.constants:
                # A smaller one is added to every row: a bias from an embedding, no residual.
                same = index.shape(other) == index.shape(tensor)
                return (other, reader) if same else None
        tensor = reader.output[0]
    return None


def split_readers(model: ModelProto, readers: Mapping[str, Collection[str]]) -> dict[str, str]:
    """Give the named readers of each tensor a tensor of their own, where others read it, too; return original -> own names.

    In place. `readers` holds, by tensor, the names of the nodes that are to read it quantised.
    """
    index = GraphIndex(model)
    own: dict[str, str] = {}
    identities: list[NodeProto] = []
    for tensor, names in readers.items():
        others = [node for node in index.consumers(tensor) if node.name not in names]
        if not others and tensor not in index.outputs:
            continue
        name = tensor + _SUFFIX
        own[tensor] = name
        for node in index.consumers(tensor):
            if node.name in names:
                node.input[:] = [name if read == tensor else read for read in node.input]
        identities.append(helper.make_node("Identity", [tensor], [name], name=name))
        model.graph.value_info.append(helper.make_tensor_value_info(name, index.dtype(tensor), index.shape(tensor)))
    replace_nodes(model, (), identities)
    return own


def join_readers(model: ModelProto, own: Mapping[str, str]) -> None:
    """Take the Identities of `split_readers` out again: what read an own tensor reads the original."""
    reroute(model, {name: tensor for tensor, name in own.items()})
    replace_nodes(model, set(own.values()))
