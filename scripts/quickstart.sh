#!/usr/bin/env bash
# Train a car that drives in CarRacing-v3, from nothing: bash scripts/quickstart.sh [key=value …]
set -euo pipefail
source "$(dirname "${BASH_SOURCE[0]}")/setup.sh"
exec .venv/bin/python scripts/iterate.py experiment=quickstart "$@"
