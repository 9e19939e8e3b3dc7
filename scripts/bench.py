#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Speed of qfi: golden inference against LiteRT, faulty against golden, campaigns. See scripts/bench.sh."""
import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time

try:
    from ai_edge_litert.interpreter import Interpreter
    import numpy
except ImportError:
    Interpreter = None

SPEED = "build/release/tests/inference_speed"
QFI = "build/release/qfi"
NETLIST = "netlists/mul_gates.json"
SMALL = ["models/ic_resnet8_int8", "models/resnet18w16_cifar10_int8"]
LARGE = ["models_bench/resnet18w64_cifar_shape_untrained_int8", "models/mobv1_050_gtsrb_int8",
         "models_bench/mobv1_100_cifar_shape_untrained_int8", "models/mobv2_050_cifar10_int8",
         "models_bench/mobv2_100_cifar_shape_untrained_int8"]
MOBILE = [model for model in LARGE if "/mob" in model]
FLIPPED = SMALL + ["models/mobv2_050_cifar10_int8", "models/alexnet_cifar10_int8"]


def run(*arguments):
    done = subprocess.run(arguments, stdout=subprocess.PIPE, check=True, text=True)
    return json.loads(done.stdout)


def path_of(model):
    return os.path.join(os.environ.get("QFI_SHARED", "../shared"), "data", model + ".tflite")


def name_of(model):
    return os.path.basename(model).replace("_int8", "").replace("_cifar_shape_untrained", "")


def litert_ms(model, batch, seconds):
    """Median time of one image, XNNPACK, one thread."""
    interpreter = Interpreter(path_of(model), num_threads=1)
    tensor = interpreter.get_input_details()[0]
    shape = [batch] + [int(size) for size in tensor["shape"][1:]]
    interpreter.resize_tensor_input(tensor["index"], shape)
    interpreter.allocate_tensors()
    pixels = numpy.random.default_rng(1).integers(-128, 127, shape).astype(tensor["dtype"])
    interpreter.set_tensor(tensor["index"], pixels)
    times = []
    while sum(times) < seconds:
        start = time.perf_counter()
        interpreter.invoke()
        times.append(time.perf_counter() - start)
    return 1e3 * statistics.median(times) / batch


class Report:
    def __init__(self):
        self.rows = []

    def title(self, text):
        print("\n" + text, flush=True)

    def row(self, part, what, values):
        self.rows.append({"part": part, "what": what, **values})
        shown = "  ".join(f"{key} {value:.4g}" if isinstance(value, float) else f"{key} {value}"
                          for key, value in values.items())
        print(f"  {what:<44} {shown}", flush=True)


def bench_golden(report, options):
    report.title("(a) golden inference, ms per image, one thread; ratio to LiteRT with XNNPACK")
    for model in SMALL + LARGE:
        for batch in (1, 32):
            ours, theirs = [], []
            for _ in range(options.rounds):
                ours.append(run(SPEED, "golden", path_of(model), "--batch", str(batch), "--seconds", "0.5"))
                if Interpreter:
                    theirs.append(litert_ms(model, batch, 0.5))
            values = {"qfi": statistics.median(r["ms_per_image"] for r in ours)}
            if theirs:
                values["litert"] = statistics.median(theirs)
                values["ratio"] = values["qfi"] / values["litert"]
            report.row("golden", f"{name_of(model)} batch {batch}", values)


def faulty(model, operands, images, seconds, *more):
    return run(SPEED, "faulty", path_of(model), "--netlist", NETLIST, "--operands", operands, "--images",
               str(images), "--seconds", str(seconds), *more)


def faulty_values(model, result):
    values = {"faults": result["faults"]}
    values.update({key: result["faulty_over_golden"][key] for key in ("mean", "p50", "p95", "max")})
    values["ms"] = result["faulty_ms_per_image"]["mean"]
    values["set-up"] = result["setup_ms_per_image"]["mean"] / result["golden_ms_per_image"]["mean"]
    if Interpreter:
        values["of_litert"] = values["ms"] / litert_ms(model, 32, 0.3)
    return values


def bench_faulty(report, options):
    report.title("(b) faulty over golden inference, distinct random faults of the convolutions, set-up included\n"
                 "    (ms per image; set-up as share of golden; of_litert: over LiteRT fault-free, batch 32)")
    for model in SMALL + LARGE:
        for operands in ("raw", "offset"):
            for images in options.images:
                result = faulty(model, operands, images, options.seconds)
                report.row("faulty", f"{name_of(model)} {operands} {images} images", faulty_values(model, result))
    for model in MOBILE:
        result = faulty(model, "raw", 512, options.seconds, "--depthwise")
        report.row("faulty depthwise", f"{name_of(model)} with depthwise, raw 512", faulty_values(model, result))


def bench_naive(report, options):
    report.title("(c) faulty over the reference's table loop")
    for model in (SMALL[0], LARGE[0]):
        result = faulty(model, "raw", 512, options.seconds, "--naive", "--faults", "8")
        report.row("naive", name_of(model), {"faulty/naive": 1 / result["naive_over_faulty"]["mean"]})


def bench_tables(report, _):
    report.title("(d) all tables of the netlist, seconds")
    result = run("build/release/tests/tables_bench", "--benchmark_filter=all_tables", "--benchmark_format=json")
    for entry in result["benchmarks"]:
        threads = entry["name"].split("/")[1]
        report.row("tables", f"{threads} threads", {"seconds": entry["real_time"] / 1e3,
                                                    "tables": int(entry["tables"])})


def campaign(model, faults, count, threads, images, *more, design="crossed", sample=None):
    """run.json with the seconds of the process, and its largest memory in MiB."""
    shared = os.environ.get("QFI_SHARED", "../shared")
    with tempfile.TemporaryDirectory() as folder:
        config = os.path.join(folder, "c.yaml")
        with open(config, "w", encoding="utf-8") as file:
            file.write(f"""model: {os.path.abspath(path_of(model))}
data:
  format: cifar10
  images: {os.path.abspath(shared)}/data/cifar10/test_batch_0000-4999.bin
  select: {{first: {images}}}
faults:
  - {{{faults}}}
sample: {sample or f"{{count: {count}}}"}
design: {design}
verify: 0
output: {folder}/out
""")
        start = time.perf_counter()
        process = subprocess.Popen([QFI, "campaign", config, "--threads", str(threads), *more],
                                   stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        if status != 0:
            sys.exit("bench: a campaign failed")
        seconds = time.perf_counter() - start
        with open(os.path.join(folder, "out/run.json"), encoding="utf-8") as file:
            return {**json.load(file), "seconds": seconds}, usage.ru_maxrss / 1024


def bench_campaigns(report, options):
    report.title("(e) whole campaigns, drawn faults per second, 512 images; peak memory")
    for model, faults in ((SMALL[0], 160), (SMALL[1], 60)):
        loop = {n: run(SPEED, "golden", path_of(model), "--batch", "64", "--threads", str(n))["ms_per_image"]
                for n in (1, 2)}
        rates = {}
        for threads in (1, 2):
            record, memory = campaign(model, f"kind: stuck_at, netlist: {os.path.abspath(NETLIST)}", faults, threads, 512)
            rates[threads] = faults / record["run_seconds"]
            report.row("campaign", f"{name_of(model)} {threads} threads",
                       {"faults/s": rates[threads], "peak_MiB": memory})
        gain, loop_gain = rates[2] / rates[1], loop[1] / loop[2]
        report.row("threads", f"{name_of(model)} two threads over one",
                   {"gain": gain, "golden_loop_gain": loop_gain, "ratio": gain / loop_gain})


def flips(model, faults, count):
    """Milliseconds of one inference: of the whole network, and by changed values alone."""
    record, _ = campaign(model, "kind: bit_flip, " + faults, count, 1, 64, "--compare-naive")
    compared = record["fault_sets"][0]["compared"]
    return (1e3 * compared["naive_seconds"] / compared["trials"],
            1e3 * compared["propagation_seconds"] / compared["trials"])


def operators_with_weights(model):
    listed = subprocess.run([QFI, "inspect", path_of(model), "--json"], stdout=subprocess.PIPE, check=True, text=True)
    return [op["index"] for op in json.loads(listed.stdout)["operators"] if op["weights"] > 0]


def flip_loop_ms(model, images):
    """What a user would write: a byte of the file is changed, the runtime built anew, the images run. None: the
    runtime cannot run so many images of this model at once."""
    with open(path_of(model), "rb") as file:
        content = bytearray(file.read())
    times = []
    for place in range(3):
        start = time.perf_counter()
        content[len(content) // 2 + 17 * place] ^= 1
        interpreter = Interpreter(model_content=bytes(content), num_threads=1)
        tensor = interpreter.get_input_details()[0]
        shape = [images] + [int(size) for size in tensor["shape"][1:]]
        interpreter.resize_tensor_input(tensor["index"], shape)
        try:
            interpreter.allocate_tensors()
        except RuntimeError:
            return None
        interpreter.set_tensor(tensor["index"], numpy.zeros(shape, tensor["dtype"]))
        interpreter.invoke()
        interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        times.append(time.perf_counter() - start)
    return 1e3 * min(times) / images


def bench_flips(report, options):
    report.title("(f) one flipped bit, ms per inference, 64 images, one thread: the whole network, changed values alone,\n"
                 "    and a loop that changes the file and builds LiteRT's interpreter anew")
    for model in FLIPPED:
        loop = flip_loop_ms(model, 100) if Interpreter else None
        for faults in ("target: weights", "target: data, stage: [output]"):
            plain, ours = flips(model, faults, options.flips)
            values = {"plain": plain, "qfi": ours, "plain/qfi": plain / ours}
            if loop and "weights" in faults:
                values.update({"loop": loop, "loop/qfi": loop / ours})
            report.row("flips", f"{name_of(model)} {'weights' if 'weights' in faults else 'outputs'}", values)
    report.title("(f) the same, weights of one operator, against plain inference from that operator on")
    for index in operators_with_weights(SMALL[0]):
        _, ours = flips(SMALL[0], f"target: weights, layers: [{index}]", max(options.flips // 4, 4))
        plain = run(SPEED, "golden", path_of(SMALL[0]), "--batch", "64", "--seconds", "0.3", "--first", str(index))
        report.row("flips of an operator", f"{name_of(SMALL[0])} operator {index}",
                   {"plain": plain["ms_per_image"], "qfi": ours, "plain/qfi": plain["ms_per_image"] / ours})


def bench_designs(report, options):
    images = options.design_images
    report.title(f"(g) mean accuracy to +-1 point (95 %), stuck-at faults drawn until then, {images} images, 2 threads")
    faults = f"kind: stuck_at, netlist: {os.path.abspath(NETLIST)}"
    sample = "{half_width: 0.01, metric: faulty_accuracy}"
    records = {design: campaign(SMALL[0], faults, 0, 2, images, design=design, sample=sample)[0]
               for design in ("crossed", "{nested: auto}")}
    values = {}
    for design, name in (("crossed", "crossed"), ("{nested: auto}", "nested")):
        values[f"{name} inferences"] = records[design]["fault_sets"][0]["inferences"]
        values[f"{name} s"] = records[design]["seconds"]
    for what in ("inferences", "s"):
        values[f"crossed/nested {what}"] = values[f"crossed {what}"] / values[f"nested {what}"]
    report.row("designs", name_of(SMALL[0]), values)


TABLE = "src/engine/README.md"
# Rows of the report that the page shows: part, ratio, and what it says.
SHOWN = (("golden", "ratio", "golden inference, time over LiteRT with XNNPACK"),
         ("faulty", "mean", "through a faulty multiplier, time over golden inference"),
         ("flips", "plain/qfi", "one flipped bit, the whole network over what changes"),
         ("flips", "loop/qfi", "one flipped bit, a loop over LiteRT over qfi"),
         ("designs", "crossed/nested inferences", "inferences to +-1 point, crossed over nested"),
         ("designs", "crossed/nested s", "time to +-1 point, crossed over nested"),
         ("threads", "gain", "two threads over one"))


def write_table(report, used):
    lines = [f"Measured with {used}:", "", "| ratio | what | |", "|---|---|---|"]
    for part, key, text in SHOWN:
        lines += [f"| {text} | {row['what']} | {row[key]:.3g} |" for row in report.rows
                  if row["part"] == part and key in row]
    with open(TABLE, encoding="utf-8") as file:
        page = file.read()
    begin, end = "<!-- bench: begin -->\n", "<!-- bench: end -->"
    before, rest = page.split(begin)
    with open(TABLE, "w", encoding="utf-8") as file:
        file.write(before + begin + "\n".join(lines) + "\n" + end + rest.split(end)[1])
    print(f"table in {TABLE}")


def main():
    parser = argparse.ArgumentParser(description="speed of qfi in one run")
    parser.add_argument("--rounds", type=int, default=5, help="of golden measurements, medians are shown")
    parser.add_argument("--seconds", type=float, default=12, help="for each kind of faulty inference")
    parser.add_argument("--images", type=int, nargs="+", default=[64, 512, 2000], help="per fault")
    parser.add_argument("--flips", type=int, default=200, help="drawn for each row of part f")
    parser.add_argument("--design-images", type=int, default=200, help="of the campaigns of part g")
    parser.add_argument("--parts", default="abcdefg", help="which of the parts a to g")
    parser.add_argument("--write-table", action="store_true", help=f"write the ratios into {TABLE}")
    parser.add_argument("--output", default="bench-results/bench.json")
    options = parser.parse_args()
    report = Report()
    used = run(SPEED, "golden", path_of(SMALL[0]), "--seconds", "0.2")["instructions"]
    print(f"instructions in use: {used}")
    if not Interpreter:
        print("no LiteRT here: its columns are left out")
    parts = {"a": bench_golden, "b": bench_faulty, "c": bench_naive, "d": bench_tables, "e": bench_campaigns,
             "f": bench_flips, "g": bench_designs}
    for part in options.parts:
        parts[part](report, options)
    os.makedirs(os.path.dirname(options.output) or ".", exist_ok=True)
    with open(options.output, "w", encoding="utf-8") as file:
        json.dump({"schema": "qfi-bench-1", "instructions": used, "rows": report.rows}, file, indent=1)
    print(f"\nnumbers in {options.output}")
    if options.write_table:
        write_table(report, used)


if __name__ == "__main__":
    main()
