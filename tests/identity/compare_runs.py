#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The files that same_results.sh makes for its campaigns, and how it compares what two programs left.

compare_runs.py inputs FOLDER
    Writes the product tables, the mask and the neurons that configs name as ${QFI_MADE}/..
compare_runs.py compare BASE NEW
    Two folders. Prints `same` or `DIFFERENT: what`; exit code 1 where they differ, or where a command did not end as a
    command should. Every byte counts, apart from what must differ: the program's version and the schema of its results,
    times, threads, and the checksums in journals, in which the version is."""
import itertools
import re
import sqlite3
import struct
import sys
import zipfile
from pathlib import Path

# In lines of the files of that name: what may differ, and what stands in its place; None: the line does not count.
RULES = {
    "results.json": [(r'^( "schema": )".*"', r"\1.."), (r'^(  "(version|git)": )".*"', r"\1..")],
    "plan.json": [(r'^( +"(threads|expected_seconds|[a-z]+_seconds)": )[^,\n]*', r"\1..")],
    "campaign.txt": [(r"( inferences in )(\d+ h )?(\d+ min)?( ?\d+ s)?", r"\1..")],
    "nvf.csv": [(r",[^,]*$", ",..\n")],  # a hash in which the version is
    "nvf.err": [(r"^\d+ %, \d+ of \d+ pairs", None)],  # how far it was
    "nvf.txt": [(r"^.* values tried in the rest", "..")],  # which way is faster is found out while it runs
}
MAIN = {"campaign.code", "nvf.code", "replay.code", "compare.code", "report.code"}
IGNORED = {"run.json", "run.log", "call.txt", "seconds.txt"}


def npy(values, shape):
    header = f"{{'descr': '<i4', 'fortran_order': False, 'shape': {shape}, }}"
    header += " " * (-(len(header) + 11) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + numbers(values)


def numbers(values):
    return struct.pack(f"<{len(values)}i", *values)


def make_inputs(folder):
    rising, bytes_order = range(-128, 128), [*range(128), *range(-128, 0)]
    products = {"rising": [x * y & ~255 for x in rising for y in rising],
                "bytes": [x * y - (x & 31) * 8 for x in bytes_order for y in bytes_order]}
    (folder / "table.npy").write_bytes(npy(products["rising"], (256, 256)))
    (folder / "table.raw").write_bytes(numbers(products["bytes"]))
    with zipfile.ZipFile(folder / "mask.npz", "w") as archive:  # of the demo's first layer
        member = zipfile.ZipInfo("sequential_1/conv2d_1/convolution.npy")
        archive.writestr(member, npy([int(i % 3 > 0) for i in range(72)], (72,)))
    neurons = [(layer, element) for layer in range(4, 10) for element in range(256 if layer == 9 else 512)]
    (folder / "mlp7_nvf.csv").write_text("layer,element,nvf\n" + "".join(
        f"{layer},{element},{(7 * layer + 13 * element) % 100 / 1000}\n" for layer, element in neurons))


def lines_of(path):
    """Of a journal its tables and trials, of any other file its lines, after the rules."""
    if path.suffix == ".sqlite":
        journal = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)
        yield from journal.execute("SELECT sql FROM sqlite_master ORDER BY name")
        columns = [row[1] for row in journal.execute("PRAGMA table_info(trials)") if row[1] != "checksum"]
        yield from journal.execute(f"SELECT {','.join(columns)} FROM trials ORDER BY fault_set, fault, block")
        journal.close()
        return
    rules = RULES.get(path.name, [])
    for line in path.read_bytes().decode("utf-8", "surrogateescape").splitlines(keepends=True):
        if any(replacement is None and re.search(pattern, line) for pattern, replacement in rules):
            continue
        for pattern, replacement in rules:
            line = line if replacement is None else re.sub(pattern, replacement, line)
        yield line


def around(a, b):
    """The texts of two lines from a little before the place where they differ."""
    a, b = str(a), str(b)
    same = next((i for i, (x, y) in enumerate(zip(a, b)) if x != y), min(len(a), len(b)))
    start = max(0, same - 30)
    return f"{ascii(a[start:start + 80])} | {ascii(b[start:start + 80])}"


def difference(base, new):
    """Where two files differ first; None: nowhere."""
    if not (base.exists() and new.exists()):
        return "in the first alone" if base.exists() else "in the second alone"
    if base.suffix == ".code":
        codes = [int(path.read_text()) for path in (base, new)]
        # 3: what qfi compare says where results are worse.
        if codes[0] == codes[1] and codes[0] in (0, 2, 3):
            return None
        messages = [path.with_suffix(".err").read_text().strip()[:200] for path in (base, new)]
        return f"exit codes {codes[0]} {messages[0]} | {codes[1]} {messages[1]}"
    for number, (a, b) in enumerate(itertools.zip_longest(lines_of(base), lines_of(new)), 1):
        if a != b:
            return f"line {number}: {around(a, b)}"
    return None


def compare(base, new):
    files = {path.relative_to(folder) for folder in (base, new) for path in folder.rglob("*") if path.is_file()}
    found = [(file, difference(base / file, new / file))
             for file in sorted(files, key=lambda file: (file.suffix != ".code", file)) if file.name not in IGNORED]
    differing = [f"{file}: {what}" for file, what in found if what]
    if not found:
        differing = ["nothing is there"]
    if differing:
        more = f"; and {len(differing) - 1} more files" if len(differing) > 1 else ""
        print(f"DIFFERENT: {differing[0]}{more}")
        return 1
    refused = [file for file, _ in found if file.name in MAIN and (base / file).read_text() == "2\n"]
    message = (base / refused[0]).with_suffix(".err").read_text().strip() if refused else ""
    print(f"same, both refuse: {message[:100]}" if refused else "same")
    return 0


if __name__ == "__main__":
    if sys.argv[1] == "inputs":
        make_inputs(Path(sys.argv[2]))
    else:
        sys.exit(compare(Path(sys.argv[2]), Path(sys.argv[3])))
