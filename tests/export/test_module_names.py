"""Products in an exported graph are called as the modules they come from."""

from onnx import ModelProto, NodeProto, TensorProto, helper

from export.module_names import name_by_module


def product(name: str, inputs: list[str], scopes: list[str]) -> NodeProto:
    node = helper.make_node("MatMul", inputs, [f"{name}_out"], name)
    node.metadata_props.add(key="pkg.torch.onnx.name_scopes", value=repr(scopes))
    return node


def test_names_come_from_the_innermost_module_and_are_unique() -> None:
    weight = helper.make_tensor("val_1", TensorProto.FLOAT, [2, 2], [0.0] * 4)
    nodes = [
        product("node_linear", ["x", "val_1"], ["", "net", "net.attn", "net.attn.to_q", "linear"]),
        product("node_matmul", ["x", "x"], ["", "net", "net.attn", "matmul"]),
        product("node_matmul_1", ["x", "x"], ["", "net", "net.attn", "matmul_1"]),
        product("node_outermost", ["x", "val_1"], ["", "matmul_2"]),
        helper.make_node("MatMul", ["x", "x"], ["y"], "node_unknown"),
    ]
    graph = helper.make_graph(nodes, "names", [], [], [weight])
    model: ModelProto = helper.make_model(graph)
    name_by_module(model)
    assert [node.name for node in model.graph.node] == [
        "net.attn.to_q", "net.attn.product", "net.attn.product.2", "node_outermost", "node_unknown",
    ]  # fmt: skip
