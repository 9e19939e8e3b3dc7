#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""docs_test.py PROGRAM CHECKOUT: runs what the documents say and compares what they say comes out.

A comment alone on a line marks the fenced block after it:
    <!-- run -->           commands; each must end with exit code 0
    <!-- run: COMMAND -->  the same for a command that the reader does not see; no block
    <!-- output -->        what the last commands print on stdout, but for times
Blocks without a mark are left alone. A document's blocks run one after the other in one scratch folder, which looks
like the checkout with the program in build/release. QFI_REWRITE=1 puts the true output into the documents.
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

DOCUMENTS = ["README.md", "campaigns/README.md", "tests/README.md", ".github/CONTRIBUTING.md"]
LINKED = ["campaigns", "netlists", "rtl", "src", "include", "tests"]
MARK = re.compile(r"<!-- (?P<kind>run|output)(?:: (?P<command>.*))? -->")
TIME = re.compile(r"\d+(\.\d+)? (h \d\d min|min \d\d s|s|ms)\b")


def parse(lines):
    """Yields (line number, kind, first line, end line) of each marked block; a hidden command has no lines."""
    for at, line in enumerate(lines):
        mark = MARK.fullmatch(line.strip())
        if not mark:
            if re.match(r"\s*<!--\s*(run|output)\b", line):
                raise ValueError(f"{at + 1}: not a mark: {line.strip()}")
            continue
        if mark["command"]:
            yield at, mark["kind"], mark["command"]
            continue
        if at + 1 == len(lines) or not lines[at + 1].startswith("```"):
            raise ValueError(f"{at + 1}: no fenced block follows the mark")
        end = next((i for i in range(at + 2, len(lines)) if lines[i] == "```"), None)
        if end is None:
            raise ValueError(f"{at + 1}: the block has no end")
        yield at, mark["kind"], (at + 2, end)


def comparable(text):
    return [TIME.sub("TIME", line.rstrip()) for line in text.rstrip().split("\n")]


def run(commands, folder):
    return subprocess.run(["bash", "-euo", "pipefail", "-c", commands], cwd=folder, stdin=subprocess.DEVNULL,
                          capture_output=True, text=True, timeout=1200, check=False)


def make_scratch(folder, program, checkout):
    for name in LINKED:
        (folder / name).symlink_to(checkout / name)
    (folder / "build/release").mkdir(parents=True)
    (folder / "build/release/qfi").symlink_to(program)


def check(path, program, checkout, rewrites):
    """Runs one document's blocks. Returns how many, and what is wrong."""
    lines = path.read_text(encoding="utf-8").split("\n")
    wrong, replacements, count, printed = [], [], 0, None
    with tempfile.TemporaryDirectory() as name:
        make_scratch(pathlib.Path(name), program, checkout)
        for at, kind, what in parse(lines):
            count += 1
            place = f"{path.relative_to(checkout)}:{at + 1}"
            if kind == "run":
                done = run(what if isinstance(what, str) else "\n".join(lines[slice(*what)]), name)
                printed = done.stdout
                if done.returncode != 0:
                    wrong.append(f"{place}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
            elif printed is None:
                wrong.append(f"{place}: output, but nothing ran before")
            else:
                said = "\n".join(lines[slice(*what)])
                if comparable(said) != comparable(printed):
                    replacements.append((what, printed.rstrip().split("\n")))
                    wrong.append(f"{place}: the document says\n{said}\nwhat comes out is\n{printed}")
    if rewrites and replacements:
        for (first, end), new in reversed(replacements):
            lines[first:end] = [line.rstrip() for line in new]
        path.write_text("\n".join(lines), encoding="utf-8")
    return count, wrong


def main():
    program, checkout = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
    rewrites = os.environ.get("QFI_REWRITE") == "1"
    count, wrong = 0, []
    for path in (checkout / name for name in DOCUMENTS):
        if not path.exists():
            continue
        try:
            blocks, errors = check(path, program, checkout, rewrites)
        except ValueError as error:
            blocks, errors = 0, [f"{path.relative_to(checkout)}:{error}"]
        count += blocks
        wrong += errors
    print("\n".join(wrong + [f"{count} blocks, {len(wrong)} wrong"]))
    return 1 if wrong or count == 0 else 0


sys.exit(main())
