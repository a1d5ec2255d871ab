#!/bin/bash
# uWSGI is compiled for the Python that runs the tests; at their run it is given the tests' own environment.
set -euo pipefail
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
python3 -m venv venv
venv/bin/python -m pip install --quiet uWSGI==2.0.31
