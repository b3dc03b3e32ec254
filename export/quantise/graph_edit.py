"""Small changes to a graph, in place: reroute readers, take nodes out, put nodes into an order that can be run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from onnx import ModelProto, NodeProto

from interfaces.errors import BundleError


def reroute(model: ModelProto, names: Mapping[str, str]) -> None:
    """Let what reads the tensors `names` read what they map to."""
    for node in model.graph.node:
        if not names.keys().isdisjoint(node.input):
            node.input[:] = [names.get(name, name) for name in node.input]


def replace_nodes(model: ModelProto, gone: Collection[str], new: Iterable[NodeProto] = ()) -> None:
    """Take the nodes with the names `gone` out and put new ones in, and forget what is said of outputs that nobody makes now."""
    before = {name for node in model.graph.node for name in node.output}
    _set_nodes(model, [*(node for node in model.graph.node if node.name not in gone), *new])
    forget_values(model, before - {name for node in model.graph.node for name in node.output})


def forget_values(model: ModelProto, tensors: Collection[str]) -> None:
    """Take out what the graph says of the shapes and types of these tensors."""
    if tensors:
        kept = [value for value in model.graph.value_info if value.name not in tensors]
        del model.graph.value_info[:]
        model.graph.value_info.extend(kept)


def drop_unused(model: ModelProto) -> None:
    """Take out nodes and weights that nothing reads any more, and what is said of tensors that no node makes."""
    graph = model.graph
    producers = {name: node for node in graph.node for name in node.output if name}
    needed: set[str] = set()
    waiting = [value.name for value in graph.output]
    while waiting:
        name = waiting.pop()
        if name not in needed:
            needed.add(name)
            if name in producers:
                waiting.extend(producers[name].input)
    unread = {node.name for node in graph.node if needed.isdisjoint(node.output)}
    if unread:
        replace_nodes(model, unread)
    made = {name for node in graph.node for name in node.output}
    forget_values(model, {value.name for value in graph.value_info} - made)  # the exporter also says it of weights
    for tensor in [tensor for tensor in graph.initializer if tensor.name not in needed]:
        graph.initializer.remove(tensor)


def sort_nodes(model: ModelProto) -> None:
    """Put every node behind those whose outputs it reads, and otherwise leave the order as it is.

    Raises BundleError naming a node that reads, in the end, what it makes.
    """
    graph = model.graph
    nodes = list(graph.node)
    producer = {name: number for number, node in enumerate(nodes) for name in node.output if name}
    order: list[int] = []
    done: set[int] = set()
    begun: set[int] = set()
    for number in range(len(nodes)):
        waiting = [number]
        while waiting:
            top = waiting[-1]
            before = [producer[name] for name in nodes[top].input if name in producer and producer[name] not in done]
            if before and top not in done:
                if top in begun:
                    raise BundleError(f"node {nodes[top].name} of the graph reads what it makes; that cannot be run")
                begun.add(top)
                waiting.extend(reversed(before))
                continue
            waiting.pop()
            if top not in done:
                done.add(top)
                order.append(top)
    if order != list(range(len(nodes))):
        _set_nodes(model, [nodes[number] for number in order])


def _set_nodes(model: ModelProto, nodes: list[NodeProto]) -> None:
    del model.graph.node[:]
    model.graph.node.extend(nodes)
