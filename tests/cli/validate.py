#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""validate.py SCHEMA FILE..: exit code 1 where a file does not follow the JSON Schema, with the places."""
import json
import sys

import jsonschema

with open(sys.argv[1], encoding="utf-8") as schema_file:
    validator = jsonschema.Draft202012Validator(json.load(schema_file))
failed = False
for name in sys.argv[2:]:
    with open(name, encoding="utf-8") as file:
        try:
            content = json.load(file)
        except ValueError:
            continue  # tests put files of others there
    if not str(content.get("schema", "")).startswith("qfi-results"):
        continue
    for error in validator.iter_errors(content):
        failed = True
        print(f"{name}: {error.json_path}: {error.message[:300]}")
        for cause in error.context[:5]:
            print(f"    {cause.json_path}: {cause.message[:200]}")
sys.exit(1 if failed else 0)
