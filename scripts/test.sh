#!/usr/bin/env bash
# The test suite on all cores: all of it with its coverage, or what pytest's arguments say.
#   bash scripts/test.sh
#   bash scripts/test.sh -m "not slow"
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
run=(.venv/bin/python -m pytest -n logical --maxprocesses 8 --dist worksteal)
[ $# -gt 0 ] && exec "${run[@]}" "$@"
exec "${run[@]}" --cov --cov-report=term --cov-fail-under=90
