#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""make_seeds.py QFI SOURCE_FOLDER OUTPUT: a seed corpus, OUTPUT/TARGET/.., for each fuzz target. Small models of the
shared data (QFI_SHARED, by default ../shared) are added where it is there."""
import base64
import gzip
import io
import json
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import zipfile
import zlib

qfi, source, output = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])
shared = pathlib.Path(os.environ.get("QFI_SHARED", source.parent / "shared"))
demo = source / "campaigns/demo"
largest = 64 << 10

# 8 x 8 grey pixels.
jpeg = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/2wBDABQODxIPDRQSEBIXFRQYHjIhHhwcHj0sLiQySUBMS0dARkVQWnNiUFVtVkVGZIhlbXd7gYKB"
    "TmCNl4x9lnN+gXz/wAALCAAIAAgBAREA/8QAFAABAAAAAAAAAAAAAAAAAAAABf/EABgQAAIDAAAAAAAAAAAAAAAAAAAEBSEy/9oACAEB"
    "AAA/AD4pTNH/2Q==")


def seed(target, name, content):
    if isinstance(content, str):
        content = content.encode()
    folder = output / target
    folder.mkdir(parents=True, exist_ok=True)
    if len(content) <= largest:
        (folder / name).write_bytes(content)


def npy(kind, shape, data):
    header = str({"descr": kind, "fortran_order": False, "shape": tuple(shape)}) + " "
    header += " " * ((64 - (len(header) + 11) % 64) % 64) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + data


def npz(arrays):
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in arrays.items():
            archive.writestr(name + ".npy", content)
    return file.getvalue()


def png(width, height, kind, depth, row_bytes, palette=b""):
    def chunk(name, content):
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
    rows = b"".join(b"\0" + bytes((7 * i + y) % 256 for i in range(row_bytes)) for y in range(height))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
            + (chunk(b"PLTE", palette) if palette else b"") + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def models():
    seed("model", "demo", (demo / "shapes.tflite").read_bytes())
    for folder in sorted((shared / "data/golden_ops").glob("*")):
        file = folder / "model.tflite"
        if file.exists() and file.stat().st_size < 8 << 10:
            seed("model", folder.name, file.read_bytes())


def netlists(folder):
    gates = {"$_AND_": "ABY", "$_OR_": "ABY", "$_XOR_": "ABY", "$_NOT_": "AY", "$_MUX_": "ABSY", "$_AOI3_": "ABCY"}
    for kind, pins in gates.items():
        inputs = [2, 3, 5, 6]
        cell = {"type": kind, "connections": {pin: [8 if pin == "Y" else inputs[i]] for i, pin in enumerate(pins)}}
        ports = {"a": {"direction": "input", "bits": [2, 3]}, "b": {"direction": "input", "bits": [5, 6]},
                 "y": {"direction": "output", "bits": [8, "0"]}}
        module = {"attributes": {"qfi_rs1": "a", "qfi_rs2": "b", "qfi_result": "y"}, "ports": ports,
                  "cells": {"g": cell}, "netnames": {"n": {"bits": [8], "offset": 1, "upto": 1}}}
        seed("netlist", kind.strip("$_"), json.dumps({"modules": {"m": module}}))
    (folder / "m.sv").write_text("module m(input logic signed [2:0] a, b, output logic signed [5:0] y);\n"
                                 "  assign y = a * b;\nendmodule\n", encoding="utf-8")
    for cells in ("gates", "adders"):
        subprocess.run([qfi, "synth", "m.sv", "--top", "m", "--rs1", "a", "--rs2", "b", "--result", "y", "--cells",
                        cells, "-o", cells], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        seed("netlist", cells, (folder / f"{cells}.json").read_text(encoding="utf-8"))


def primitives():
    table = "table 0 ? 0 : 0; 1 ? 0 : 1; ? 0 1 : 0; ? 1 1 : 1; endtable endprimitive\n"
    seed("primitives", "mux", "primitive mux (y, a, b, s); output y; input a, b, s; " + table + "module m; mux (y, a, b, s); endmodule")
    seed("primitives", "state", "primitive ff (q, d, c); output q; reg q; input d, c; table 0 (01) : ? : 0; endtable endprimitive")
    seed("primitives", "none", "module m(output y, input a); /* primitive */ not (y, a); endmodule")


def liberty():
    seed("liberty", "cells", (source / "netlists/cells.lib").read_bytes())
    for i, text in enumerate(['cell (A) { area : 1; ff (Q, QN) { } }', 'cell ("B") { pin (Z) { three_state : "!E"; } }',
                              'lu_table_template (t) { index_1 ("1, \\\n 2"); } cell (C) { bus (D) { } area : 2 }']):
        seed("liberty", f"refused_{i}", "library (l) { /* c */ " + text + " }")


def configs():
    for file in sorted((source / "campaigns").rglob("*.yaml")):
        seed("config", "_".join(file.relative_to(source / "campaigns").parts), file.read_bytes())
    readme = (source / "campaigns/README.md").read_text(encoding="utf-8")
    for i, block in enumerate(re.findall(r"```yaml\n(.*?)```", readme, re.S)):
        seed("config", f"readme_{i}", block)


def campaigns(folder):
    head = (f"model: {demo}/shapes.tflite\ndata: {{format: npy, images: {demo}/images.npy, labels: {demo}/labels.npy, "
            "select: {first: 40}}\noutput: out\nverify: 0\n")
    faults = {
        "netlist": f"faults:\n  - {{kind: stuck_at, netlist: {source}/netlists/mul_adders.json, operators: [conv_2d]}}\n"
        "sample: {count: 4}\n",
        "bits": "faults:\n  - {kind: bit_flip, target: weights}\nsample: {count: 1, scheme: bit}\n",
        "paired": "faults:\n  - {kind: bit_flip, target: weights, storage: {protection: vandor}, compare: unprotected}\n"
        "sample: {count: 1}\ndesign: paired\n",
        "rates": "faults:\n  - {kind: bit_flip, target: weights}\nsample: {ber: [1.0e-3, 1.0e-2], draws: 2}\n",
    }
    for name, text in faults.items():
        (folder / f"{name}.yaml").write_text(head + text, encoding="utf-8")
        subprocess.run([qfi, "campaign", f"{name}.yaml", "-o", name, "-q"], cwd=folder, check=True,
                       stdout=subprocess.DEVNULL)
        journal = (folder / name / "journal.sqlite").read_bytes()
        seed("journal", name + "_read", b"\1" + journal)
        seed("journal", name + "_write", b"\0" + journal)
        seed("results", name, b"\0" + (folder / name / "results.json").read_bytes())
        for table in (folder / name).glob("*.csv"):
            rows = table.read_bytes().splitlines(True)[:6]
            seed("results", f"{name}_{table.stem}", b"\1" + b"".join(rows))
    seed("journal", "details", b"\3" + bytes([0, 0, 0, 0]))
    seed("journal", "details_bits", b"\3" + bytes([0, 1] + [1, 0, 40] * 5 + [40, 0, 0, 40, 1, 7, 9, 1, 3, 40, 0, 0]))


def data():
    seed("data", "cifar10", b"\0" + bytes(3073) * 2)
    seed("data", "cifar100", b"\1" + bytes(3074) * 2)
    images = struct.pack(">IIII", 0x803, 2, 3, 3) + bytes(18)
    labels = struct.pack(">II", 0x801, 2) + bytes([1, 2])
    seed("data", "idx", b"\2" + images + b"LABELS" + labels)
    seed("data", "idx_gz", b"\2" + gzip.compress(images, mtime=0) + b"LABELS" + gzip.compress(labels, mtime=0))
    pixels = npy("|u1", [2, 3, 3, 1], bytes(18))
    seed("data", "npy", b"\3" + pixels + b"LABELS" + npy("<i8", [2], bytes(16)))
    seed("data", "npy_maps", b"\3" + pixels + b"LABELS" + npy("|u1", [2, 3, 3], bytes(18)))
    seed("data", "npz", b"\4" + npz({"images": pixels, "labels": npy("<i4", [2], bytes(8))}))
    seed("data", "png_rgb", b"\5" + png(3, 2, 2, 8, 9))
    seed("data", "png_rgba", b"\x87" + png(3, 2, 6, 8, 12))
    seed("data", "png_16", b"\7" + png(3, 2, 0, 16, 6))
    seed("data", "png_palette", b"\7" + png(3, 2, 3, 8, 3, bytes(range(256)) * 3))
    seed("data", "jpeg", b"\6" + jpeg)
    seed("data", "array_npz", b"\x08" + npz({"a": npy("|u1", [2, 2], bytes(4))}))
    seed("data", "array_npy", b"\x09" + npy("<f4", [2, 2], bytes(16)))


def fault_lists():
    seed("faults", "neurons", b"\3" + b"layer,element,nvf,images\n0,3,0.5,2\n2,7,0.01,2\n")
    header = ",".join(["layer,element,nvf", *(f"{side}_{k}" for side in ("rises", "falls", "flips") for k in range(8)),
                       "images,shard,inputs"])
    row = "0,3,0.5,1,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,1,0,0,0,0,0,0,1,2"
    seed("faults", "shards", b"\7" + "|".join(f"{header}\n{row},{i}/2,ab\n" for i in (1, 2)).encode())
    seed("results", "published", b"\2" + b'{"title": "T", "source": "S", "text": ["x"], "figures": [{"what": "w", "unit": "%",'
         b' "published": [1, 2], "value": {"sum": [1, {"ratio": ["run:/a", "run:/list/0"]}]}, "note": "n"}]}')
    seed("faults", "one", b"\0" + b"op_a[3]:1")
    seed("faults", "netlist", b"\1" + b"site,stuck_at\nop_a[3],1\nresult[0],0\ng1/A,1\n")
    seed("faults", "texts", b"\1" + b"fault\nop_a[3]:1 op_b[0]:0\nop_a[1] wired_and op_b[2]\nop_a[1] dominates op_b[2]\n")
    seed("faults", "tetramax", b"\1" + b"// list\nsa0   NC   /g1/A   17\nsa1   --   g1/B\nsa0   UU   op_a[3]\n")
    seed("faults", "tessent", b"\1" + b"# list\n0  DS  /g1/A\n1  EQ  \\g1 /B\n0 op_a[3]\n")
    seed("faults", "bits", b"\2" + b"fault,layer,element,stored_bit,stage,model\n0,0,1,7,,flip\n0,0,2,7,,flip\n1,2,0,0,,flip\n")


with tempfile.TemporaryDirectory() as temporary:
    models()
    netlists(pathlib.Path(temporary))
    liberty()
    primitives()
    configs()
    campaigns(pathlib.Path(temporary))
    data()
    fault_lists()
