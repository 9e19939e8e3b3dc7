#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""tile_registers_test.py OBJECT: the loops over products of the AVX-512 tiles keep all sums in registers. A compiler that
spills one makes them several times slower and changes no result, so that no other test would tell."""
import re
import shutil
import subprocess
import sys

TILES = ((4, 6), (2, 12), (1, 16))  # vectors of channels, pixels: fused_tile_avx512.cpp
SKIPPED = 77

if shutil.which("objdump") is None:
    print("no objdump here")
    sys.exit(SKIPPED)
listing = subprocess.run(["objdump", "-d", "--no-show-raw-insn", "-C", sys.argv[1]], stdout=subprocess.PIPE, check=True,
                         text=True).stdout


def loops(function):
    """The instructions from the target of each jump backwards up to it."""
    lines = [match.groups() for match in re.finditer(r"^\s*([0-9a-f]+):\s+(.*)$", function, re.MULTILINE)]
    index_of = {int(address, 16): i for i, (address, _) in enumerate(lines)}
    for i, (address, instruction) in enumerate(lines):
        jump = re.match(r"j\w+\s+([0-9a-f]+)\b", instruction)
        if jump and int(jump.group(1), 16) < int(address, 16):
            yield [text for _, text in lines[index_of[int(jump.group(1), 16)]:i + 1]]


failed = False
for vectors, pixels in TILES:
    name = f"run_tile<{vectors}ul, {pixels}ul>"
    functions = [part for part in listing.split("\n\n") if re.match(rf".*{re.escape(name)}", part.lstrip().split("\n")[0])]
    products = vectors * pixels
    longest = products + 2 * pixels + vectors + 8  # products, inputs, weights, and the loop itself
    tight = [loop for function in functions for loop in loops(function)
             if sum("vpdpbusd" in text for text in loop) == products and len(loop) <= longest
             and not any("zmm" in text and re.search(r"\(%r[sb]p\)", text) for text in loop)]
    print(f"{name}: {len(tight)} loops of {products} products in {[len(loop) for loop in tight]} instructions")
    # One for plain inputs, one for inputs whose top bit is flipped.
    failed = failed or len(tight) < 2
sys.exit(1 if failed else 0)
