#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Makes campaigns/demo/{shapes.tflite,images.npy,labels.npy} again: TensorFlow from PyPI in a
# private environment under build/. The files are committed; nobody needs this to use qfi.
set -euo pipefail
cd "$(dirname "$0")/.."

environment=build/demo-python
[[ -x $environment/bin/python ]] || python3 -m venv "$environment"
"$environment/bin/pip" install --quiet 'tensorflow-cpu==2.21.0'
"$environment/bin/python" scripts/make_demo.py campaigns/demo "$@"
