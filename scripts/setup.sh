# Sourced by quickstart.sh and test.sh: makes .venv once and installs the project into it, torch from
# TORCH_INDEX where that is set.
cd "$(dirname "${BASH_SOURCE[0]}")/.." || exit 1
case "$(uname -s)" in
  MINGW* | MSYS* | CYGWIN* | Windows_NT) echo "error: use WSL on Windows." >&2; exit 1 ;;
esac
python=${PYTHON:-python3}
"$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || {
  echo "error: Python 3.11 or newer is needed; set PYTHON=/path/to/python3.11." >&2
  exit 1
}
stamp=.venv/installed
if [ ! -e "$stamp" ] || [ pyproject.toml -nt "$stamp" ]; then
  echo "installing into .venv (a few minutes the first time) …"
  "$python" -m venv .venv &&
    .venv/bin/python -m pip install -q --disable-pip-version-check \
      ${TORCH_INDEX:+--index-url "$TORCH_INDEX"} "torch>=2.11,<2.14" &&
    .venv/bin/python -m pip install -q --disable-pip-version-check -e ".[dev]" &&
    touch "$stamp" || { echo "error: the installation failed; see above." >&2; exit 1; }
fi
