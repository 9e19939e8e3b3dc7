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

    def operator(self, name, inputs, outputs, options=None, version=1):
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


def all_models():
    yield from real_functions()
    yield from negations()


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
