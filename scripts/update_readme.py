#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts the demo's true output into README.md: run scripts/demo.sh > FILE, then this with FILE."""
import pathlib
import re
import sys

readme = pathlib.Path(__file__).resolve().parent.parent / "README.md"
output = pathlib.Path(sys.argv[1]).read_text().rstrip()
text = readme.read_text()
block = f"<!-- demo -->\n```\n{output}\n```\n<!-- /demo -->"
text = re.sub(r"<!-- demo -->.*<!-- /demo -->", lambda _: block, text, flags=re.S)
readme.write_text("\n".join(line.rstrip() for line in text.split("\n")))
