"""The operators of ONNX that TensorRT 10.3 parses, and the element types each takes.

Sources: docs/operators.md of github.com/onnx/onnx-tensorrt for TensorRT 9.2 (opset 9 to 19), 10.0 (opset 9 to 20) and 10.15, of
which the narrower types are taken; its docs/Changelog.md for what each release between them added; and the operators registered in
onnxOpCheckers.cpp of release 10.6 (commit 0137504e2b25), less those of 10.4 (BlackmanWindow, HammingWindow, HannWindow) and
10.5 (STFT). What our own rules leave out, though TensorRT has it, stands in REFUSED with the reason.
"""

from __future__ import annotations

from onnx import TensorProto

_HALF_OR_FLOAT = frozenset({TensorProto.FLOAT, TensorProto.FLOAT16})
_FLOATS = _HALF_OR_FLOAT | {TensorProto.BFLOAT16}
_NUMBERS = _FLOATS | {TensorProto.INT32, TensorProto.INT64}
_DATA = _NUMBERS | {TensorProto.BOOL}
_BOOL = frozenset({TensorProto.BOOL})

_ON_HALF_OR_FLOAT = "GridSample Mish"
_ON_FLOATS = """
    Acos Acosh Asin Asinh Atan Atanh AveragePool BatchNormalization Ceil Celu Clip Conv ConvTranspose Cos Cosh CumSum Dropout
    Einsum Elu Erf Exp Floor GRU Gelu Gemm GlobalAveragePool GlobalLpPool GlobalMaxPool HardSigmoid HardSwish Hardmax
    InstanceNormalization IsInf LRN LSTM LayerNormalization LeakyRelu Log LogSoftmax LpNormalization LpPool MatMul MaxPool
    MeanVarianceNormalization PRelu Pow QuantizeLinear RNN Reciprocal Resize Round Selu Sigmoid Sin Sinh Softmax Softplus
    Softsign Sqrt Tan Tanh ThresholdedRelu
"""
_ON_NUMBERS = """
    Abs Add ArgMax ArgMin DepthToSpace Div Equal Greater GreaterOrEqual IsNaN Less LessOrEqual Max Mean Min Mod Mul Neg Pad Range
    ReduceL1 ReduceL2 ReduceLogSum ReduceLogSumExp ReduceMax ReduceMean ReduceMin ReduceProd ReduceSum ReduceSumSquare Relu Shrink
    Sign SpaceToDepth Sub Sum TopK
"""
_ON_DATA = """
    Concat Constant ConstantOfShape Expand EyeLike Flatten Gather GatherElements GatherND Identity OneHot Reshape
    ReverseSequence Shape Size Slice Split Squeeze Tile Transpose Trilu Unsqueeze Where
"""
_ON_BOOL = "And Not Or Xor"

# By operator: the element types of its data input.
ACCEPTED: dict[str, frozenset[int]] = {
    name: types
    for names, types in (
        (_ON_HALF_OR_FLOAT, _HALF_OR_FLOAT),
        (_ON_FLOATS, _FLOATS),
        (_ON_NUMBERS, _NUMBERS),
        (_ON_DATA, _DATA),
        (_ON_BOOL, _BOOL),
        ("Cast CastLike", _DATA | {TensorProto.UINT8}),
        ("DequantizeLinear", frozenset({TensorProto.INT8})),
    )
    for name in names.split()
}

# The data input, where it is not the first.
DATA_INPUT = {"OneHot": 2, "Where": 1}

# Inputs that TensorRT wants to know while it builds, by operator.
CONSTANT_INPUTS: dict[str, tuple[int, ...]] = {
    **{name: (1,) for name in ACCEPTED if name.startswith("Reduce")},
    "CumSum": (1,),
    "Expand": (1,),
    "OneHot": (1,),
    "Pad": (1, 3),
    "Reshape": (1,),
    "Resize": (1, 2, 3),
    "Slice": (1, 2, 3, 4),
    "Split": (1,),
    "Squeeze": (1,),
    "Tile": (1,),
    "TopK": (1,),
    "Unsqueeze": (1,),
}

_DATA_DEPENDENT = "the size of its output depends on the data, and engines here have fixed shapes"
_PLUGIN = "TensorRT 10.3 maps it to a plugin, and the builder loads none"
_INSIDE = "what stands inside it is not checked"
_RANDOM = "a graph must say the same twice; the noise of a policy is an input"

# In TensorRT, and still not for us: why.
REFUSED: dict[str, str] = {
    "DeformConv": _PLUGIN,
    "GroupNormalization": "TensorRT before 10.9 knows only its first form, with one scale a group, and not opset 21's",
    "If": _INSIDE,
    "Loop": _INSIDE,
    "NonMaxSuppression": _DATA_DEPENDENT,
    "NonZero": _DATA_DEPENDENT,
    "RandomNormal": _RANDOM,
    "RandomNormalLike": _RANDOM,
    "RandomUniform": _RANDOM,
    "RandomUniformLike": _RANDOM,
    "RoiAlign": _PLUGIN,
    "Scan": _INSIDE,
    "Scatter": _PLUGIN,
    "ScatterElements": _PLUGIN,
    "ScatterND": "its form of opset 18 is right only from TensorRT 10.9 on",
}

# What to write instead.
INSTEAD: dict[str, str] = {
    "Attention": "export at opset 20, which writes MatMul, Softmax and MatMul",
    "GroupNormalization": "export at opset 20 with torch's exporter, which writes Reshape and InstanceNormalization",
    "RMSNormalization": "export at opset 20, which writes it in ReduceMean, Sqrt and Mul",
}
