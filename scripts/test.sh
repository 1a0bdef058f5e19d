#!/usr/bin/env bash
# The whole test suite: bash scripts/test.sh [pytest arguments]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
[ $# -gt 0 ] && exec .venv/bin/python -m pytest "$@"
exec .venv/bin/python -m pytest --cov=worldmodel --cov-report=term --cov-fail-under=85
