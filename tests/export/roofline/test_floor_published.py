"""What somebody measured on a board lies where the roofline expects it.

SmolVLA's vision tower on an Orin Nano 8 GB, MAXN_SUPER, FP16, TensorRT 10.16: 91.2 ms for two pictures of 512 x 512
(https://huggingface.co/eetmie/smolvla-base-onnx). It is SigLIP-B/16: 12 layers of width 768 over 1024 tokens.
"""

from onnx import NodeProto, helper

from export.roofline.boards import BOARDS
from export.roofline.count import count
from export.roofline.floor import floor_of
from tests.export.roofline.conftest import Make

MEASURED_S, PICTURES, LAYERS = 91.2e-3, 2, 12
TOKENS, WIDTH, HEADS, INNER = 1024, 768, 12, 3072


def test_smolvla_vision_on_orin_nano_takes_what_is_expected(make: Make) -> None:
    layers = count(make([*_attention(), *_mlp()], {"x": (1, TOKENS, WIDTH)}, _weights(), ["y"]), "fp16")
    # By hand: four projections and two of the MLP, and two products of activations.
    assert sum(layer.macs for layer in layers) == TOKENS * WIDTH * (4 * WIDTH + 2 * INNER) + 2 * TOKENS**2 * WIDTH
    floor = floor_of(layers * (LAYERS * PICTURES), BOARDS["orin-nano-8"], BOARDS["orin-nano-8"].modes[0])
    assert floor.least_s < floor.expected_s[0] < MEASURED_S < floor.expected_s[1]


def _attention() -> list[NodeProto]:
    nodes = [helper.make_node("LayerNormalization", ["x", "norm"], ["normed"])]
    for name, order in (("q", (0, 2, 1, 3)), ("k", (0, 2, 3, 1)), ("v", (0, 2, 1, 3))):
        nodes += [
            helper.make_node("MatMul", ["normed", f"w_{name}"], [f"flat_{name}"]),
            helper.make_node("Reshape", [f"flat_{name}", "apart"], [f"split_{name}"]),
            helper.make_node("Transpose", [f"split_{name}"], [name], perm=list(order)),
        ]
    return [
        helper.make_node("Constant", [], ["apart"], value_ints=[1, TOKENS, HEADS, WIDTH // HEADS]),
        helper.make_node("Constant", [], ["together"], value_ints=[1, TOKENS, WIDTH]),
        *nodes,
        helper.make_node("MatMul", ["q", "k"], ["scores"]),
        helper.make_node("Softmax", ["scores"], ["shares"]),
        helper.make_node("MatMul", ["shares", "v"], ["heads"]),
        helper.make_node("Transpose", ["heads"], ["rows"], perm=[0, 2, 1, 3]),
        helper.make_node("Reshape", ["rows", "together"], ["mixed"]),
        helper.make_node("MatMul", ["mixed", "w_out"], ["out"]),
        helper.make_node("Add", ["out", "x"], ["seen"]),
    ]


def _mlp() -> list[NodeProto]:
    return [
        helper.make_node("LayerNormalization", ["seen", "norm"], ["renormed"]),
        helper.make_node("MatMul", ["renormed", "w_in"], ["wide"]),
        helper.make_node("Gelu", ["wide"], ["gelu"]),
        helper.make_node("MatMul", ["gelu", "w_back"], ["narrow"]),
        helper.make_node("Add", ["narrow", "seen"], ["y"]),
    ]


def _weights() -> dict[str, tuple[int, ...]]:
    square = {f"w_{name}": (WIDTH, WIDTH) for name in ("q", "k", "v", "out")}
    return {**square, "w_in": (WIDTH, INNER), "w_back": (INNER, WIDTH), "norm": (WIDTH,)}
