#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""How near the time that `qfi plan` expects comes to what `qfi campaign` takes, on eight campaigns of every kind.

usage: plan_times.py [QFI]   (default: build/release/qfi; models are those of the shared data, QFI_SHARED)

Each campaign begins with an empty cache of Verilator's models. Exit code 1: one differs by more than 30 %.
"""
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("QFI_SHARED", ROOT.parent / "shared")) / "data"
LIMIT = 0.30

DEMO = (f"{ROOT}/campaigns/demo/shapes.tflite",
        f"{{format: npy, images: {ROOT}/campaigns/demo/images.npy, labels: {ROOT}/campaigns/demo/labels.npy}}", "{}")
MNIST = f"{{format: idx, images: {SHARED}/mnist/t10k-images-idx3-ubyte.gz, " \
        f"labels: {SHARED}/mnist/t10k-labels-idx1-ubyte.gz, select: {{first: %d}}}}"
CIFAR = f"{{format: cifar10, images: {SHARED}/cifar10/test_batch_0000-4999.bin, select: {{first: %d}}}}"
LENET = (f"{SHARED}/models/lenet5_mnist_int8.tflite", MNIST % 500, "{scale: 0.00392156862745098, mean: 0}")
ALEXNET = (f"{SHARED}/models/alexnet_cifar10_int8.tflite", CIFAR % 60, "{scale: 0.0078125, mean: 128}")
RESNET = (f"{SHARED}/models/ic_resnet8_int8.tflite", CIFAR % 100, "{scale: 1, mean: 0}")
ADDERS = f"kind: stuck_at, netlist: {ROOT}/netlists/mul_adders.json, operators: [conv_2d]"
GATES = f"kind: stuck_at, netlist: {ROOT}/netlists/mul_gates.json, operators: [conv_2d]"

# Name: model with data and input, faults, tables that Verilator checks.
CAMPAIGNS = {
    "demo, adders, Verilator compiles": (DEMO, f"{ADDERS}, sample: {{count: 1000}}", 8),
    "demo, gates, Verilator compiles": (DEMO, f"{GATES}, sample: {{count: 300}}", 4),
    "demo, weights": (DEMO, "kind: bit_flip, target: weights, sample: {count: 4000}", 0),
    "LeNet-5, weights": (LENET, "kind: bit_flip, target: weights, sample: {count: 1500}", 0),
    "LeNet-5, neurons": (LENET, "kind: bit_flip, target: data, sample: {count: 1500}", 0),
    "LeNet-5, bit error rate": (LENET, "kind: bit_flip, target: weights, sample: {ber: 0.001, draws: 60}", 0),
    "AlexNet, weights": (ALEXNET, "kind: bit_flip, target: weights, sample: {count: 150}", 0),
    "ResNet-8, adders": (RESNET, f"{ADDERS}, sample: {{count: 40}}", 0),
}


def seconds_of(command, folder):
    start = time.monotonic()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"plan_times: {' '.join(command)}: {done.stderr}")
    return time.monotonic() - start, done.stdout


def measure(qfi, name, folder):
    (model, data, scaling), faults, verify = CAMPAIGNS[name]
    (folder / "c.yaml").write_text(
        f"model: {model}\ndata: {data}\nfaults: [{{{faults}}}]\nverify: {verify}\noutput: out\n" +
        (f"input: {scaling}\n" if scaling != "{}" else ""))
    options = ["c.yaml", "--threads", "2", "--cache", "cache"]
    _, plan = seconds_of([qfi, "plan", "--json", *options], folder)
    taken, _ = seconds_of([qfi, "campaign", *options], folder)
    return json.loads(plan)["expected_seconds"], taken


def main():
    qfi = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else str(ROOT / "build/release/qfi")
    print(f"{'':<36} {'expected':>9} {'taken':>9} {'ratio':>6}")
    is_off = False
    for name in CAMPAIGNS:
        with tempfile.TemporaryDirectory() as folder:
            expected, taken = measure(qfi, name, Path(folder))
        is_off = is_off or abs(expected / taken - 1) > LIMIT
        print(f"{name:<36} {expected:>7.1f} s {taken:>7.1f} s {expected / taken:>6.2f}", flush=True)
    sys.exit(1 if is_off else 0)


if __name__ == "__main__":
    main()
