"""What may be quantised in a graph, what stays, and how it is called."""

from onnx import ModelProto

from export.quantise.blocks import Block, blocks_of
from tests.data.make_tiny_svam import filled


def by_name(model: ModelProto, layout: str = "trt-int8") -> dict[str, Block]:
    return {block.name: block for block in blocks_of(model, "trt-int8" if layout == "trt-int8" else "cpu-int8")}


def test_blocks_are_called_as_their_modules_and_counted(tiny: ModelProto) -> None:
    blocks = by_name(tiny)
    weighted = [name for name, block in blocks.items() if block.kind != "product"]
    expected = ["stem", "conv_1", "conv_2", "enter", "time", "goal", "to_q", "to_k", "to_v", "out", "leave"]
    assert weighted == expected  # also those without bias, whose weights lost their names in the export
    assert blocks["conv_1"].macs == 16 * 16 * 9 * 6 * 6
    assert blocks["to_q"].macs == 36 * 32 * 32


def test_what_stays_in_higher_precision_says_why(tiny: ModelProto) -> None:
    reasons = {name: block.kept_because or "" for name, block in by_name(tiny).items()}
    assert reasons["stem"] == "first layer: reads front"
    assert reasons["goal"] == "first layer: reads goal"
    assert reasons["time"] == "time embedding"
    assert reasons["leave"] == "last layer: makes tokens"
    products = [block for block in by_name(tiny).values() if block.kind == "product"]
    assert len(products) == 2
    assert all("attention" in (block.kept_because or "") for block in products)
    assert [name for name, reason in reasons.items() if not reason] == [
        "conv_1", "conv_2", "enter", "to_q", "to_k", "to_v", "out",
    ]  # fmt: skip


def test_on_a_processor_small_layers_stay_too(tiny: ModelProto) -> None:
    assert all(block.kept_because for block in by_name(tiny, "cpu-int8").values())


def test_what_resizes_a_picture_is_no_layer_but_the_one_behind_it_is_the_first() -> None:
    blocks = blocks_of(filled("foresight"))
    resizing = [block for block in blocks if "resize" in block.name or block.name.startswith("node_matmul")]
    assert resizing
    assert all((block.kept_because or "").startswith("first layer") for block in resizing)
    first = next(block for block in blocks if block.kind == "conv")
    assert first.kept_because == "first layer: reads front"
    assert any(block.kept_because is None for block in blocks)
