#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Compares campaigns of flipped bits with the TFLite runtime on files in which the same bits are flipped.

    flipped_files.py QFI MODEL [--target weights|biases] [--faults N] [--bits K] [--images N] [--seed S]

The program draws faults (of K bits each) and counts the images whose class changes, or of outputs that are no classes,
whose output does. Then each fault's bits are flipped in a copy of the file, LiteRT's reference kernels run it, and the
images are counted again. Needs ai-edge-litert
from PyPI. Images are random codes, whose classes change more often than those of pictures. Exit code 1: a count differs.
"""
import argparse
import csv
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType


def outputs(content, images):
    """The output of each image, a row each."""
    interpreter = Interpreter(model_content=bytes(content), experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
    interpreter.allocate_tensors()
    found = []
    for image in images:
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image[None])
        interpreter.invoke()
        found.append(interpreter.get_tensor(interpreter.get_output_details()[0]["index"]).ravel().copy())
    return numpy.array(found)


def random_images(content, count, seed):
    detail = Interpreter(model_content=content).get_input_details()[0]
    codes = numpy.random.default_rng(seed).integers(0, 256, (count, *detail["shape"][1:]), numpy.uint8)
    return codes.view(detail["dtype"])


class StoredBits:
    """Where the file keeps the weights or biases of each operator."""

    def __init__(self, content, target):
        self.content = content
        self.model = schema.Model.GetRootAs(content, 0)
        self.graph = self.model.Subgraphs(0)
        self.target = target

    def place(self, layer):
        """The first byte of the operator's constants, and the bytes of an element."""
        operator = self.graph.Operators(layer)
        inputs = [i for i in operator.InputsAsNumpy() if i >= 0]
        constants = [i for i in inputs if self.model.Buffers(self.graph.Tensors(i).Buffer()).DataLength() > 0]
        tensor = self.graph.Tensors(constants[0] if self.target == "weights" else inputs[2])
        data = self.model.Buffers(tensor.Buffer()).DataAsNumpy()
        first = data.__array_interface__["data"][0] - numpy.frombuffer(self.content, numpy.uint8).__array_interface__["data"][0]
        return first, {schema.TensorType.INT8: 1, schema.TensorType.UINT8: 1, schema.TensorType.INT32: 4,
                       schema.TensorType.FLOAT32: 4}[tensor.Type()]

    def flipped(self, bits):
        """A copy of the file with each (layer, element, bit) flipped."""
        copy = bytearray(self.content)
        for layer, element, bit in bits:
            first, size = self.place(layer)
            copy[first + element * size + bit // 8] ^= 1 << bit % 8
        return copy


def campaign(options, images, golden, folder):
    """Each fault's bits and the images that it changes, and whether that means their classes."""
    numpy.save(folder / "x.npy", images)
    numpy.save(folder / "y.npy", golden.argmax(axis=1))
    (folder / "c.yaml").write_text(
        f"model: {options.model.resolve()}\ndata: {{format: npy, images: x.npy, labels: y.npy}}\n"
        f"faults: [{{kind: bit_flip, target: {options.target}, simultaneous: {options.bits}}}]\n"
        f"sample: {{count: {options.faults}}}\nseed: {options.seed}\nverify: 0\noutput: out\n")
    subprocess.run([options.qfi, "campaign", folder / "c.yaml", "-o", folder / "out", "--quiet"], check=True, stdout=subprocess.DEVNULL)
    out = folder / "out"
    faults = [row for row in csv.DictReader((out / "faults.csv").open())]
    bits = [[] for _ in faults]
    rows = faults if options.bits == 1 else csv.DictReader((out / "faults_bits.csv").open())
    for row in rows:
        bits[int(row["fault"])].append((int(row["layer"]), int(row["element"]), int(row["stored_bit"])))
    task = json.loads((out / "results.json").read_text())["task"]
    return [(b, int(fault["changed"])) for b, fault in zip(bits, faults)], task != "outputs"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("qfi")
    parser.add_argument("model", type=pathlib.Path)
    parser.add_argument("--target", choices=["weights", "biases"], default="weights")
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--bits", type=int, default=1)
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    content = options.model.read_bytes()
    images = random_images(content, options.images, options.seed)
    golden = outputs(content, images)
    stored = StoredBits(content, options.target)
    with tempfile.TemporaryDirectory() as folder:
        faults, are_classes = campaign(options, images, golden, pathlib.Path(folder))
    differing = 0
    changed = 0
    for bits, counted in faults:
        faulty = outputs(stored.flipped(bits), images)
        now = int((faulty.argmax(axis=1) != golden.argmax(axis=1) if are_classes else (faulty != golden).any(axis=1)).sum())
        changed += now
        if now != counted:
            differing += 1
            print(f"{bits}: qfi counts {counted} of {len(images)} changed, the runtime {now}", file=sys.stderr)
    distinct = len({tuple(sorted(bits)) for bits, _ in faults})
    print(f"{options.model.name}, {options.target}, {options.bits} bits: {len(faults)} faults ({distinct} distinct) on "
          f"{len(images)} images, {changed} {'classes' if are_classes else 'outputs'} changed, {differing} faults counted otherwise")
    return 1 if differing or not changed else 0


if __name__ == "__main__":
    sys.exit(main())
