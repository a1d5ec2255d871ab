#!/bin/bash
# One folder per minor version of the SDK, to be put before the packages of the tests' own environment.
# Nothing is resolved: what these packages need besides is in that environment.
set -euo pipefail
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
python3 -m venv tool
for wanted in 1.*.txt; do
  tool/bin/python -m pip install --quiet --no-deps --no-compile --target "versions/${wanted%.txt}" -r "$wanted"
done
rm -rf tool
