#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""validate_configs.py SCHEMA CONFIGS [--refused]: CONFIGS has a config in JSON on each line. Exit code 1 where one does
not follow the JSON Schema, or an example in the schema does not; with --refused where one does follow it."""
import json
import sys

import jsonschema


def validator_of(part, schema):
    return jsonschema.Draft202012Validator({**part, "$defs": schema["$defs"], "properties": schema["properties"]}
                                           if part.get("$ref", "").startswith("#/properties") else
                                           {**part, "$defs": schema["$defs"]})


def parts(schema):
    """All schemas within one."""
    yield schema
    for value in schema.values():
        for inner in value if isinstance(value, list) else [value]:
            if isinstance(inner, dict):
                yield from parts(inner)


with open(sys.argv[1], encoding="utf-8") as file:
    schema = json.load(file)
jsonschema.Draft202012Validator.check_schema(schema)
with open(sys.argv[2], encoding="utf-8") as file:
    configs = [json.loads(line) for line in file]
wants_refusal = sys.argv[3:] == ["--refused"]
failed = False
for config in configs:
    errors = list(jsonschema.Draft202012Validator(schema).iter_errors(config))
    if bool(errors) != wants_refusal:
        failed = True
        print(config, *(f"    {error.json_path}: {error.message[:300]}" for error in errors), sep="\n")
for part in parts(schema):
    for example in part["examples"] if isinstance(part.get("examples"), list) else []:
        for error in validator_of(part, schema).iter_errors(example):
            failed = True
            print(f"example {example}: {error.message[:300]}")
sys.exit(1 if failed else 0)
