#!/usr/bin/env bash
# The test suite on all cores: all of it, or what pytest's arguments say.
#   bash scripts/test.sh
#   bash scripts/test.sh -m "not slow"
#   bash scripts/test.sh --cov --cov-report=term --cov-fail-under=90   # takes half as long again
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
exec .venv/bin/python -m pytest -n logical --maxprocesses 8 --dist worksteal "$@"
