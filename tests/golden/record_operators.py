#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes tiny models and records what LiteRT's reference kernels give for them.

Usage: record_operators.py operators.npz, in an environment with `pip install ai-edge-litert==2.3.0 numpy flatbuffers`.
For each model the archive holds NAME.model, NAME.input0, .. and NAME.output, whose first dimension counts runs.
What the runtime refuses is recorded as NAME.model alone: qfi must refuse it too. `names` lists all, one a line.
"""
import sys

import flatbuffers
import numpy as np
from ai_edge_litert import interpreter as litert
from ai_edge_litert import schema_py_generated as schema

TYPES = {
    "int8": (schema.TensorType.INT8, np.int8),
    "uint8": (schema.TensorType.UINT8, np.uint8),
    "int16": (schema.TensorType.INT16, np.int16),
    "int32": (schema.TensorType.INT32, np.int32),
    "int64": (schema.TensorType.INT64, np.int64),
    "float32": (schema.TensorType.FLOAT32, np.float32),
}
RUNS = 2


class Model:
    """A graph that is built tensor by tensor and operator by operator."""

    def __init__(self):
        self.tensors = []
        self.buffers = [schema.BufferT()]
        self.codes = []
        self.operators = []
        self.inputs = []

    def tensor(self, type_name, shape, scale=None, zero_point=0, values=None, is_input=False):
        tensor = schema.TensorT()
        tensor.name = f"t{len(self.tensors)}"
        tensor.type = TYPES[type_name][0]
        tensor.shape = list(shape)
        tensor.buffer = 0
        if values is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(np.asarray(values, TYPES[type_name][1]).tobytes(), np.uint8)
            tensor.buffer = len(self.buffers)
            self.buffers.append(buffer)
        if scale is not None:
            scales = list(np.atleast_1d(scale))
            tensor.quantization = schema.QuantizationParametersT()
            tensor.quantization.scale = scales
            tensor.quantization.zeroPoint = [zero_point] * len(scales)
        self.tensors.append(tensor)
        index = len(self.tensors) - 1
        if is_input:
            self.inputs.append(index)
        return index

    def state(self, type_name, shape, scale, zero_point=0):
        index = self.tensor(type_name, shape, scale, zero_point)
        self.tensors[index].isVariable = True
        return index

    def operator(self, name, inputs, outputs, options=None, version=1, intermediates=None):
        code = schema.OperatorCodeT()
        code.builtinCode = getattr(schema.BuiltinOperator, name)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)
        code.version = version
        self.codes.append(code)
        operator = schema.OperatorT()
        operator.opcodeIndex = len(self.codes) - 1
        operator.inputs = list(inputs)
        operator.outputs = list(outputs)
        if options is not None:
            operator.builtinOptions = options
            operator.builtinOptionsType = getattr(schema.BuiltinOptions, type(options).__name__[:-1])
        operator.intermediates = intermediates
        self.operators.append(operator)

    def file(self, outputs):
        graph = schema.SubGraphT()
        graph.tensors = self.tensors
        graph.inputs = self.inputs
        graph.outputs = outputs
        graph.operators = self.operators
        graph.name = "main"
        model = schema.ModelT()
        model.version = 3
        model.operatorCodes = self.codes
        model.subgraphs = [graph]
        model.buffers = self.buffers
        builder = flatbuffers.Builder(1024)
        builder.Finish(model.Pack(builder), b"TFL3")
        return bytes(builder.Output())


def values_for(detail, random):
    """All codes of a small type where they fit, and random ones with both ends."""
    shape, number = detail["shape"], np.dtype(detail["dtype"])
    count = int(np.prod(shape, dtype=np.int64))
    if number == np.float32:
        return random.normal(0, 3, shape).astype(np.float32)
    if number in (np.int32, np.int64):
        return random.integers(-1000, 1000, shape).astype(number)
    ends = np.iinfo(number)
    if count == ends.max - ends.min + 1:
        return np.arange(ends.min, ends.max + 1).astype(number).reshape(shape)
    values = random.integers(ends.min, ends.max + 1, count)
    values[: min(2, count)] = [ends.min, ends.max][: min(2, count)]
    return values.astype(number).reshape(shape)


def record(content, random):
    """The arrays of inputs and output; none where the runtime refuses the model."""
    try:
        runtime = litert.Interpreter(
            model_content=content,
            experimental_op_resolver_type=litert.OpResolverType.BUILTIN_REF)
        runtime.allocate_tensors()
        details = runtime.get_input_details()
        inputs, outputs = [[] for _ in details], []
        for _ in range(RUNS):
            for k, detail in enumerate(details):
                inputs[k].append(values_for(detail, random))
                runtime.set_tensor(detail["index"], inputs[k][-1])
            runtime.reset_all_variables()
            runtime.invoke()
            outputs.append(runtime.get_tensor(runtime.get_output_details()[0]["index"]).copy())
    except (RuntimeError, ValueError):
        return {}
    arrays = {f"input{k}": np.stack(values) for k, values in enumerate(inputs)}
    return arrays | {"output": np.stack(outputs)}


def unary(name, type_name, shape, in_scale, out_scale, zeros=(0, 0), options=None):
    model = Model()
    quantized = type_name in ("int8", "uint8", "int16")
    data = model.tensor(type_name, shape, in_scale if quantized else None, zeros[0], is_input=True)
    out = model.tensor(type_name, shape, out_scale if quantized else None, zeros[1])
    model.operator(name, [data], [out], options, 2 if name == "EXP" and type_name == "int16" or name in ("GELU", "TANH") else 1)
    return model, out


def real_functions():
    codes = {"int8": (1, 256), "uint8": (1, 256), "int16": (1, 500)}
    gelu, approximate = schema.GeluOptionsT(), schema.GeluOptionsT()
    gelu.approximate, approximate.approximate = False, True
    for type_name, shape in codes.items():
        fine = 1.0 if type_name != "int16" else 1 / 256
        zeros = {"int8": (-3, 5), "uint8": (125, 3), "int16": (0, 0)}[type_name]
        for label, in_scale, out_scale in (("wide", 0.5 * fine, 1.0), ("tiny_output", 0.3 * fine, 1e-9),
                                           ("overflow", 1.5 * fine, 1e-3)):
            yield f"exp_{label}.{type_name}", *unary("EXP", type_name, shape, in_scale, out_scale, zeros,
                                                     schema.ExpOptionsT())
            yield f"gelu_{label}.{type_name}", *unary("GELU", type_name, shape, in_scale, out_scale, zeros, gelu)
            yield f"gelu_tanh_{label}.{type_name}", *unary("GELU", type_name, shape, in_scale, out_scale, zeros,
                                                           approximate)
            if type_name != "int16":
                yield f"tanh_{label}.{type_name}", *unary("TANH", type_name, shape, in_scale, out_scale, zeros)


def negations():
    for type_name in TYPES:
        shape = {"int8": (1, 256), "uint8": (1, 256)}.get(type_name, (1, 40))
        zero = {"int8": -5, "uint8": 120}.get(type_name, 0)
        yield f"neg.{type_name}", *unary("NEG", type_name, shape, 0.25, 0.25, (zero, zero), schema.NegOptionsT())
        if type_name in ("int8", "int16"):
            yield f"neg_scales.{type_name}", *unary("NEG", type_name, shape, 0.25, 0.5, (zero, 0),
                                                    schema.NegOptionsT())


def prelus(random):
    shapes = {"channels": (1, 1, 5), "all": (3, 4, 5), "one": (1,), "rows": (3, 1, 1), "vector": (5,)}
    for type_name in ("int8", "uint8", "float32"):
        quantized = type_name != "float32"
        for label, shape in shapes.items():
            for scales in ((0.05, 0.01, 0.04), (0.3, 0.02, 0.01)):
                zeros = {"int8": (-3, 4, 7), "uint8": (120, 130, 9)}.get(type_name, (0, 0, 0))
                model = Model()
                data = model.tensor(type_name, (1, 3, 4, 5), scales[0] if quantized else None, zeros[0], is_input=True)
                low, high = {"int8": (-128, 128), "uint8": (0, 256)}.get(type_name, (-2, 2))
                slopes = random.integers(low, high, shape) if quantized else random.normal(0, 1, shape)
                alpha = model.tensor(type_name, shape, scales[1] if quantized else None, zeros[1], slopes)
                out = model.tensor(type_name, (1, 3, 4, 5), scales[2] if quantized else None, zeros[2])
                model.operator("PRELU", [data, alpha], [out])
                yield f"prelu_{label}_{'fine' if scales[0] < 0.1 else 'coarse'}.{type_name}", model, out


def depth_to_space():
    for type_name in TYPES:
        for block, channels in ((2, 12), (3, 9)):
            model = Model()
            scale = 0.1 if type_name in ("int8", "uint8", "int16") else None
            data = model.tensor(type_name, (1, 2, 3, channels), scale, 0, is_input=True)
            out = model.tensor(type_name, (1, 2 * block, 3 * block, channels // block ** 2), scale, 0)
            options = schema.DepthToSpaceOptionsT()
            options.blockSize = block
            model.operator("DEPTH_TO_SPACE", [data], [out], options)
            yield f"depth_to_space_{block}.{type_name}", model, out


def transposed_convolutions(random):
    cases = {"same_s2": (3, 2, "SAME", False), "valid_s2_bias": (2, 2, "VALID", True), "same_s1_bias": (3, 1, "SAME", True),
             "valid_s3": (3, 3, "VALID", False)}
    for label, (size, stride, padding, has_bias) in cases.items():
        for activation in ("NONE", "RELU"):
            model = Model()
            data = model.tensor("uint8", (1, 3, 4, 2), 0.02, 121, is_input=True)
            weights = model.tensor("uint8", (3, size, size, 2), 0.03, 131, random.integers(0, 256, (3, size, size, 2)))
            grow = stride if padding == "SAME" else None
            out_shape = (1, 3 * stride, 4 * stride, 3) if grow else (1, 2 * stride + size, 3 * stride + size, 3)
            shape = model.tensor("int32", (4,), values=out_shape)
            inputs = [shape, weights, data]
            if has_bias:
                inputs.append(model.tensor("int32", (3,), 0.0006, 0, random.integers(-9000, 9000, 3)))
            out = model.tensor("uint8", out_shape, 0.05, 117)
            options = schema.TransposeConvOptionsT()
            options.padding = getattr(schema.Padding, padding)
            options.strideW = options.strideH = stride
            options.fusedActivationFunction = getattr(schema.ActivationFunctionType, activation)
            model.operator("TRANSPOSE_CONV", inputs, [out], options, 3)
            yield f"transpose_conv_{label}_{activation.lower()}.uint8", model, out


def whole_numbers():
    """The arithmetic of shapes."""
    binary = {"ADD": schema.AddOptionsT, "SUB": schema.SubOptionsT, "MUL": schema.MulOptionsT,
              "MAXIMUM": schema.MaximumMinimumOptionsT, "MINIMUM": schema.MaximumMinimumOptionsT}
    for type_name in ("int32", "int64"):
        for name, options in binary.items():
            model = Model()
            inputs = [model.tensor(type_name, shape, is_input=True) for shape in ((2, 3), (3,))]
            out = model.tensor(type_name, (2, 3))
            model.operator(name, inputs, [out], options(), 3 if type_name == "int64" and name == "MUL" else 2)
            yield f"{name.lower()}.{type_name}", model, out
        for keeps in (False, True):
            model = Model()
            data = model.tensor(type_name, (2, 3, 4), is_input=True)
            axes = model.tensor("int32", (2,), values=[0, -1])
            out = model.tensor(type_name, (1, 3, 1) if keeps else (3,))
            options = schema.ReducerOptionsT()
            options.keepDims = keeps
            model.operator("REDUCE_PROD", [data, axes], [out], options)
            yield f"reduce_prod{'_keeps' if keeps else ''}.{type_name}", model, out
        model = Model()
        data = model.tensor(type_name, (5,), is_input=True)
        out = model.tensor("int64" if type_name == "int32" else "int32", (5,))
        model.operator("CAST", [data], [out], schema.CastOptionsT())
        yield f"cast.{type_name}", model, out


def scales_of_zero(random):
    for label, operator in (("conv", "CONV_2D"), ("depthwise", "DEPTHWISE_CONV_2D"), ("dense", "FULLY_CONNECTED")):
        for type_name in ("int8", "int16"):
            model = Model()
            zeros = (3, -5) if type_name == "int8" else (0, 0)
            data_shape, weights_shape, out_shape, axis = {
                "conv": ((1, 4, 4, 2), (3, 3, 3, 2), (1, 2, 2, 3), 0),
                "depthwise": ((1, 4, 4, 3), (1, 3, 3, 3), (1, 2, 2, 3), 3),
                "dense": ((2, 6), (3, 6), (2, 3), 0)}[label]
            data = model.tensor(type_name, data_shape, 0.02, zeros[0], is_input=True)
            weights = model.tensor("int8", weights_shape, [0.01, 0.0, 0.02], 0, random.integers(-127, 128, weights_shape))
            model.tensors[weights].quantization.quantizedDimension = axis
            bias = model.tensor("int32" if type_name == "int8" else "int64", (3,), [0.0002, 0.0, 0.0004], 0,
                                random.integers(-300, 300, 3))
            out = model.tensor(type_name, out_shape, 0.05, zeros[1])
            options = {"conv": schema.Conv2DOptionsT, "depthwise": schema.DepthwiseConv2DOptionsT,
                       "dense": schema.FullyConnectedOptionsT}[label]()
            if label != "dense":
                options.padding = schema.Padding.VALID
                options.strideW = options.strideH = options.dilationWFactor = options.dilationHFactor = 1
            if label == "depthwise":
                options.depthMultiplier = 1
            model.operator(operator, [data, weights, bias], [out], options, 5)
            yield f"{label}_scale_0.{type_name}", model, out


def placeholders():
    """The file says 1 wherever a shape depends on the input's."""
    def placeholder(model, type_name, rank, scale, zero_point):
        index = model.tensor(type_name, (1,) * rank, scale, zero_point)
        model.tensors[index].shapeSignature = [-1] * rank
        return index

    window = schema.Pool2DOptionsT()
    window.padding, window.strideW, window.strideH = schema.Padding.SAME, 2, 2
    window.filterWidth = window.filterHeight = 2
    concatenation, reducer, squeeze = schema.ConcatenationOptionsT(), schema.ReducerOptionsT(), schema.SqueezeOptionsT()
    concatenation.axis, reducer.keepDims, squeeze.squeezeDims = 3, True, [0]
    pack, gather, split = schema.PackOptionsT(), schema.GatherOptionsT(), schema.SplitOptionsT()
    pack.axis, pack.valuesCount, gather.axis, split.numSplits = 1, 2, 2, 2
    block, depth = schema.SpaceToDepthOptionsT(), schema.DepthToSpaceOptionsT()
    block.blockSize = depth.blockSize = 2
    resize, nearest = schema.ResizeBilinearOptionsT(), schema.ResizeNearestNeighborOptionsT()
    integers = {"pad": [[0, 0], [1, 2], [0, 1], [0, 0]], "perm": [0, 3, 1, 2], "begin": [0, 1, 0, 0],
                "size": [1, 2, -1, 3], "axes": [1, 2], "axis": 3, "indices": [3, 0, 1], "hw": [7, 5],
                "block": [2, 2], "none": [[0, 0], [0, 0]], "shape": [-1, 4], "front": 0, "begins": [0, 3, 0, -1],
                "ends": [1, 0, 6, -4], "strides": [1, -1, 2, -1], "parts": [1, -1], "edges": [[0, 0], [2, 1], [0, 3], [0, 0]]}
    strided = schema.StridedSliceOptionsT()
    strided.shrinkAxisMask, strided.endMask = 1, 4
    softmax, unpack, arg = schema.SoftmaxOptionsT(), schema.UnpackOptionsT(), schema.ArgMaxOptionsT()
    softmax.beta, unpack.num, unpack.axis, arg.outputType = 1.0, 4, 1, schema.TensorType.INT32
    cases = {
        "max_pool": ("MAX_POOL_2D", 4, (), window, 2), "pad": ("PAD", 4, ("pad",), schema.PadOptionsT(), 2),
        "transpose": ("TRANSPOSE", 4, ("perm",), schema.TransposeOptionsT(), 2),
        "slice": ("SLICE", 4, ("begin", "size"), schema.SliceOptionsT(), 2),
        "mean": ("MEAN", 4, ("axes",), reducer, 2), "add": ("ADD", 4, "self", schema.AddOptionsT(), 2),
        "concatenation": ("CONCATENATION", 4, "self", concatenation, 2), "pack": ("PACK", 5, "self", pack, 2),
        "gather": ("GATHER", 4, ("indices",), gather, 2),
        "space_to_depth": ("SPACE_TO_DEPTH", 4, (), block, 2), "depth_to_space": ("DEPTH_TO_SPACE", 4, (), depth, 1),
        "resize_bilinear": ("RESIZE_BILINEAR", 4, ("hw",), resize, 2),
        "resize_nearest": ("RESIZE_NEAREST_NEIGHBOR", 4, ("hw",), nearest, 2),
        "space_to_batch": ("SPACE_TO_BATCH_ND", 4, ("block", "none"), schema.SpaceToBatchNDOptionsT(), 2),
        "reshape": ("RESHAPE", 2, ("shape",), schema.ReshapeOptionsT(), 1),
        "expand_dims": ("EXPAND_DIMS", 5, ("front",), schema.ExpandDimsOptionsT(), 1),
        "squeeze": ("SQUEEZE", 3, (), squeeze, 1),
        "strided_slice": ("STRIDED_SLICE", 3, ("begins", "ends", "strides"), strided, 2),
        "mirror_pad": ("MIRROR_PAD", 4, ("edges",), schema.MirrorPadOptionsT(), 2),
        "relu": ("RELU", 4, (), None, 2), "leaky_relu": ("LEAKY_RELU", 4, (), schema.LeakyReluOptionsT(), 2)}
    for label, (operator, rank, constants, options, version) in cases.items():
        model = Model()
        data = model.tensor("int8", (1, 4, 6, 4), 0.1, 3, is_input=True)
        inputs = [data, data] if constants == "self" else [data]
        for name in constants if constants != "self" else ():
            values = np.array(integers[name])
            inputs.append(model.tensor("int32", values.shape, values=values))
        out = placeholder(model, "int8", rank, 0.1, 3)
        model.operator(operator, inputs, [out], options, version)
        yield f"placeholder_{label}.int8", model, out


def layers_with_placeholders(random):
    def model_with(type_name, shape):
        model = Model()
        return model, model.tensor(type_name, shape, 0.02, 3, is_input=True)

    def placeholder(model, rank):
        index = model.tensor("int8", (1,) * rank, 0.05, -5)
        model.tensors[index].shapeSignature = [-1] * rank
        return index

    def weights(model, shape):
        return model.tensor("int8", shape, 0.01, 0, random.integers(-127, 128, shape))

    for padding in ("SAME", "VALID"):
        for operator, shape, options in (("CONV_2D", (5, 3, 2, 3), schema.Conv2DOptionsT()),
                                         ("DEPTHWISE_CONV_2D", (1, 3, 2, 6), schema.DepthwiseConv2DOptionsT())):
            model, data = model_with("int8", (2, 7, 8, 3))
            options.padding, options.depthMultiplier = getattr(schema.Padding, padding), 2
            options.strideH, options.strideW = 2, 1
            options.dilationHFactor = options.dilationWFactor = 1
            channels = shape[0] if operator == "CONV_2D" else shape[3]
            bias = model.tensor("int32", (channels,), 0.0002, 0, random.integers(-99, 99, channels))
            filters = weights(model, shape)
            out = placeholder(model, 4)
            model.operator(operator, [data, filters, bias], [out], options, 3)
            yield f"placeholder_{operator.lower()}_{padding.lower()}.int8", model, out
    for keeps in (False, True):
        model, data = model_with("int8", (2, 3, 4))
        options = schema.FullyConnectedOptionsT()
        options.keepNumDims = keeps
        out = placeholder(model, 3 if keeps else 2)
        model.operator("FULLY_CONNECTED", [data, weights(model, (5, 4)), -1], [out], options, 5)
        yield f"placeholder_fully_connected{'_keeps' if keeps else ''}.int8", model, out
    model, data = model_with("int8", (1, 3, 4, 2))
    options = schema.TransposeConvOptionsT()
    options.padding, options.strideH, options.strideW = schema.Padding.SAME, 2, 3
    sizes = model.tensor("int32", (4,), values=(1, 6, 12, 5))
    out = placeholder(model, 4)
    model.operator("TRANSPOSE_CONV", [sizes, weights(model, (5, 3, 3, 2)), data], [out], options, 2)
    yield "placeholder_transpose_conv.int8", model, out
    model, data = model_with("int8", (8, 2, 3, 2))
    block, crops = model.tensor("int32", (2,), values=(2, 2)), model.tensor("int32", (2, 2), values=((1, 0), (0, 1)))
    out = model.tensor("int8", (1, 1, 1, 1), 0.02, 3)
    model.tensors[out].shapeSignature = [-1] * 4
    model.operator("BATCH_TO_SPACE_ND", [data, block, crops], [out], schema.BatchToSpaceNDOptionsT(), 2)
    yield "placeholder_batch_to_space.int8", model, out
    model, data = model_with("int8", (2, 3, 4))
    other = model.tensor("int8", (4, 5), 0.02, 3, is_input=True)
    out = placeholder(model, 3)
    model.operator("BATCH_MATMUL", [data, other], [out], schema.BatchMatMulOptionsT(), 2)
    yield "placeholder_batch_matmul.int8", model, out


def lstms(random):
    """Plain and with coupled gates, a clipped cell, several sequences and any zero points."""
    for name, shape, cells, exponent, clip, coupled, time_major, zero_points in (
            ("plain", (1, 5, 4), 6, -12, 0.0, False, False, (3, -7, 0)),
            ("sequences", (3, 4, 5), 7, -11, 0.0, False, False, (-9, 5, 0)),
            ("time_major", (4, 3, 5), 7, -11, 0.0, False, True, (-9, 5, 0)),
            ("clipped", (2, 6, 4), 9, -10, 0.75, False, False, (0, 0, 0)),
            ("coupled", (2, 6, 4), 9, -9, 0.0, True, False, (1, 2, 0)),
            ("small_cell", (2, 6, 3), 5, -15, 0.0, False, False, (1, 2, 0)),
            ("hidden_zero_point", (2, 6, 3), 5, -12, 0.0, False, False, (1, 2, 11))):
        model = Model()
        data = model.tensor("int8", shape, 0.05, zero_points[0], is_input=True)
        absent = [-1] if coupled else []

        def gates(make):
            return absent + [make() for _ in range(4 - len(absent))]

        def weights(columns):
            return model.tensor("int8", (cells, columns), random.uniform(0.01, 0.03), 0,
                                random.integers(-127, 128, (cells, columns)))

        inputs = [data] + gates(lambda: weights(shape[2])) + gates(lambda: weights(cells)) + [-1] * 3
        inputs += gates(lambda: model.tensor("int32", (cells,), 0.001, 0, random.integers(-2000, 2000, cells)))
        sequences = shape[1] if time_major else shape[0]
        inputs += [-1, -1, model.state("int8", (sequences, cells), 1 / 128, zero_points[1]),
                   model.state("int16", (sequences, cells), 2.0**exponent)] + [-1] * 4
        intermediates = [model.tensor("float32", (0,)) for _ in range(4)]
        intermediates.append(model.tensor("int8", (0,), 1 / 128, zero_points[2]))
        out = model.tensor("int8", (*shape[:2], cells), 1 / 128, zero_points[1])
        options = schema.UnidirectionalSequenceLSTMOptionsT()
        options.fusedActivationFunction = schema.ActivationFunctionType.TANH
        options.cellClip, options.timeMajor = clip, time_major
        model.operator("UNIDIRECTIONAL_SEQUENCE_LSTM", inputs, [out], options, 3, intermediates)
        yield f"lstm_{name}.int8", model, out


def all_models():
    random = np.random.default_rng(7)
    yield from real_functions()
    yield from negations()
    yield from prelus(random)
    yield from depth_to_space()
    yield from transposed_convolutions(random)
    yield from whole_numbers()
    yield from scales_of_zero(random)
    yield from placeholders()
    yield from layers_with_placeholders(random)
    yield from lstms(np.random.default_rng(9))


def as_bytes(content):
    return np.frombuffer(content, np.uint8)


def main():
    random = np.random.default_rng(8)
    names, archive = [], {}
    for name, model, output in all_models():
        content = model.file([output])
        names.append(name)
        archive[name + ".model"] = as_bytes(content)
        arrays = record(content, random)
        print(name, "" if arrays else "is refused by the runtime")
        archive |= {f"{name}.{key}": values for key, values in arrays.items()}
    archive["names"] = as_bytes("\n".join(names).encode())
    np.savez_compressed(sys.argv[1], **archive)


if __name__ == "__main__":
    main()
