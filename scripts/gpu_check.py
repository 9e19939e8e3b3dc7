# SPDX-License-Identifier: Apache-2.0
"""The parts of gpu_check.sh that read and write results. Python's own library is enough.

gpu_check.py pack FOLDER SHARED       models, images, campaigns and the CPU's results go into the folder
gpu_check.py run OUTPUT [PARTS]       PARTS, all by default: e equal results, s sanitizer, k kernels, t times, c the
                                      whole campaign of 1,174 faults and 2,000 images
"""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

CIFAR_RECORD = 3073
CIFAR_IMAGES = 2000
# name: (model, images, faults, netlist, operands, operators)
CASES = {
    "resnet8_raw_gates": ("ic_resnet8_int8", 256, 60, "mul_gates", "raw", "[conv_2d, fully_connected]"),
    "resnet8_offset_adders": ("ic_resnet8_int8", 256, 60, "mul_adders", "offset", "[conv_2d]"),
    "resnet18w16_raw_gates": ("resnet18w16_cifar10_int8", 128, 40, "mul_gates", "raw", "[conv_2d]"),
    "resnet18w16_offset_adders": ("resnet18w16_cifar10_int8", 128, 40, "mul_adders", "offset", "[conv_2d]"),
    "resnet18w64_raw_gates": ("resnet18w64_cifar_shape_untrained_int8", 64, 10, "mul_gates", "raw", "[conv_2d]"),
    "resnet18w64_offset_adders": ("resnet18w64_cifar_shape_untrained_int8", 64, 10, "mul_adders", "offset", "[conv_2d]"),
    "mobilenet_v1_offset_adders": (
        "mobv1_050_cifar10_int8", 128, 30, "mul_adders", "offset", "[conv_2d, depthwise_conv_2d]"),
    "mobilenet_v2_raw_gates": (
        "mobv2_050_cifar10_int8", 128, 24, "mul_gates", "raw", "[conv_2d, depthwise_conv_2d]"),
    "mobilenet_v1_uint8io": ("mobv1_050_cifar10_uint8io", 128, 24, "mul_adders", "raw", "[conv_2d]"),
    "mobilenet_160_uint8": (
        "mobilenet_v1_0.5_160_quant", 8, 10, "mul_gates", "raw", "[conv_2d, depthwise_conv_2d]"),
}
# name: (model, images, faults of the GPU, of the CPU; 0: not run there)
TIMED = {
    "resnet18w64": ("resnet18w64_cifar_shape_untrained_int8", 512, 192, 0),
    "resnet18w16": ("resnet18w16_cifar10_int8", 512, 640, 160),
    "resnet8": ("ic_resnet8_int8", 512, 1280, 320),
}
SCALING = {"ic_resnet8_int8": "{scale: 1, mean: 0}"}


def campaign(model, images, faults, netlist, operands, operators, output, sample=None):
    is_imagenet = "160" in model
    data = ("{format: npy, images: images_160.npy, labels: labels.npy, select: {first: %d}}" % images if is_imagenet else
            "{format: cifar10, images: cifar10.bin, select: {first: %d}}" % images)
    scaling = SCALING.get(model)
    return "\n".join([
        f"model: {model}.tflite",
        f"data: {data}",
        *([f"input: {scaling}"] if scaling else []),
        f"faults:\n  - {{kind: stuck_at, netlist: share/qfi/netlists/{netlist}.json, operators: {operators}, "
        f"operands: {operands}}}",
        f"sample: {sample or '{count: %d}' % faults}",
        "verify: 0",
        "seed: 7",
        f"output: {output}\n"])


def qfi(folder, *arguments):
    return subprocess.run([str(folder / "bin/qfi"), *arguments], cwd=folder, capture_output=True, text=True)


def pack(folder, shared):
    models = {case[0] for case in CASES.values()} | {case[0] for case in TIMED.values()}
    for model in models:
        found = list(shared.glob(f"data/models*/{model}.tflite"))
        shutil.copy(found[0], folder / f"{model}.tflite")
        (folder / f"{model}.tflite").chmod(0o644)
    cifar = next((shared / "data/cifar10").glob("*.bin")).read_bytes()
    (folder / "cifar10.bin").write_bytes(cifar[:CIFAR_RECORD * CIFAR_IMAGES])
    for file in ("images_160.npy", "labels.npy"):
        shutil.copy(shared / "data/imagenet_sample" / file, folder / file)
        (folder / file).chmod(0o644)
    (folder / "expected").mkdir(exist_ok=True)
    for name, case in CASES.items():
        (folder / f"{name}.yaml").write_text(campaign(*case, output=f"expected/{name}"))
        done = qfi(folder, "campaign", f"{name}.yaml", "--restart", "--quiet")
        if done.returncode != 0:
            sys.exit(f"{name}: {done.stderr}")
        for file in (folder / "expected" / name).iterdir():
            if file.name not in ("results.json", "run.json"):
                file.unlink()
        print(f"{name}: packed", file=sys.stderr)


def run_timed(folder, config, output, *options):
    start = time.time()
    done = qfi(folder, "campaign", config, "-o", str(output), "--restart", "--quiet", *options)
    seconds = time.time() - start
    if done.returncode != 0:
        return {"error": done.stderr.strip()[-500:]}
    record = json.loads((output / "run.json").read_text())
    sets = record["fault_sets"]
    return {"wall_seconds": seconds, "run_seconds": record["run_seconds"], "plan_seconds": record["plan_seconds"],
            "inferences": sum(s["inferences"] for s in sets),
            "us_per_inference": record["run_seconds"] * 1e6 / max(1, sum(s["inferences"] for s in sets)),
            "device": sets[0]["device"], "threads": record["threads"], "instructions": record["instructions"]}


def check_equal(folder, output):
    results = {}
    for name in CASES:
        result = run_timed(folder, f"{name}.yaml", output / name, "--device", "cuda")
        if "error" not in result:
            carried = folder / "expected" / name / "results.json"
            if not carried.exists():
                run_timed(folder, f"{name}.yaml", folder / "expected" / name, "--device", "cpu")
            result["equal"] = carried.exists() and (
                (output / name / "results.json").read_bytes() == carried.read_bytes())
        results[name] = result
        print(f"{name:28} {'equal' if result.get('equal') else 'DIFFERS ' + result.get('error', '')} "
              f"{result.get('us_per_inference', 0):9.2f} us", flush=True)
    return results


def check_sanitizer(folder, output):
    tool = shutil.which("compute-sanitizer") or shutil.which("compute-sanitizer", path="/usr/local/cuda/bin")
    if tool is None:
        return {"skipped": "no compute-sanitizer"}
    (folder / "small.yaml").write_text(
        campaign("ic_resnet8_int8", 8, 6, "mul_gates", "raw", "[conv_2d, fully_connected]", "small"))
    results = {}
    for check in ("memcheck", "racecheck", "synccheck"):
        done = subprocess.run([tool, "--tool", check, "--error-exitcode", "9", str(folder / "bin/qfi"), "campaign",
                               "small.yaml", "-o", str(output / f"sanitized_{check}"), "--device", "cuda", "--threads",
                               "1", "--device-memory", "2000", "--restart", "--quiet"],
                              cwd=folder, capture_output=True, text=True)
        results[check] = {"exit": done.returncode, "text": (done.stdout + done.stderr).strip()[-300:]}
        print(check, results[check], flush=True)
    return results


def measure_kernels(folder):
    results = {}
    for model, images in (("resnet18w64_cifar_shape_untrained_int8", 512), ("resnet18w16_cifar10_int8", 1024),
                          ("ic_resnet8_int8", 1024), ("mobv1_050_cifar10_int8", 1024)):
        done = subprocess.run([str(folder / "bin/device_speed"), f"{model}.tflite", str(images)], cwd=folder,
                              capture_output=True, text=True, env={**os.environ, "LD_LIBRARY_PATH": str(folder / "lib/qfi")})
        if done.returncode != 0:
            results[model] = {"error": done.stderr.strip()}
            continue
        results[model] = json.loads(done.stdout)
        for one in results[model]["runs"]:
            print(f"{model} +{one['more_terms']} terms: {one['us_per_inference']} us", flush=True)
            for operator, us, rate in one["operators"]:
                if us * 20 > one["us_per_inference"]:
                    print(f"    {operator[:34]:34} {us:8.4f} us {rate:7.1f} T/s", flush=True)
    return results


def measure_times(folder, output):
    results = {}
    for name, (model, images, gpu_faults, cpu_faults) in TIMED.items():
        of_model = {}
        for device, faults in (("cuda", gpu_faults), ("cpu", cpu_faults)):
            if faults == 0:
                continue
            config = f"time_{name}_{device}.yaml"
            (folder / config).write_text(campaign(model, images, faults, "mul_gates", "raw", "[conv_2d]", "x"))
            of_model[device] = run_timed(folder, config, output / f"time_{name}_{device}", "--device", device)
            print(name, device, of_model[device], flush=True)
        results[name] = of_model
    return results


def measure_campaign(folder, output):
    (folder / "whole.yaml").write_text(
        campaign("resnet18w64_cifar_shape_untrained_int8", CIFAR_IMAGES, 1174, "mul_gates", "raw", "[conv_2d]", "x"))
    result = run_timed(folder, "whole.yaml", output / "whole", "--device", "cuda")
    print("whole campaign", result, flush=True)
    return result


def run(output, parts):
    folder = pathlib.Path(__file__).resolve().parent
    output.mkdir(parents=True, exist_ok=True)
    work = folder / "work"
    report = {}
    try:
        if "k" in parts:
            report["kernels"] = measure_kernels(folder)
        if "e" in parts:
            report["equal"] = check_equal(folder, work)
        if "t" in parts:
            report["times"] = measure_times(folder, work)
        if "s" in parts:
            report["sanitizer"] = check_sanitizer(folder, work)
        if "c" in parts:
            report["campaign"] = measure_campaign(folder, work)
    finally:
        (output / "gpu_check.json").write_text(json.dumps(report, indent=1))
    equal = all(result.get("equal") for result in report.get("equal", {}).values())
    clean = all(check["exit"] == 0 for check in report.get("sanitizer", {}).values() if isinstance(check, dict))
    print("results equal the CPU's:", equal, "  sanitizer clean:", clean, "  see", output / "gpu_check.json")
    return 0 if equal and clean and not has_error(report) else 1


def has_error(value):
    if not isinstance(value, dict):
        return False
    return "error" in value or any(has_error(part) for part in value.values())


if __name__ == "__main__":
    if sys.argv[1] == "pack":
        pack(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
    else:
        sys.exit(run(pathlib.Path(os.path.abspath(sys.argv[2])), sys.argv[3] if len(sys.argv) > 3 else "ketsc"))
