"""Who may import whom, read from the source."""

import ast
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted((ROOT / "worldmodel").rglob("*.py"))
SCRIPTS = sorted((ROOT / "scripts").glob("*.py"))
LEAVES = {"mdn", "parallel", "seed", "types", "stats"}
RUN = LEAVES - {"mdn", "parallel"} | {"run"}
ALLOWED = {
    **{leaf: set() for leaf in LEAVES},
    "run": {"seed", "types", "stats"},
    "models": {"mdn", "types"},
    "envs": RUN,
    "data": RUN,
    "report": RUN | {"mdn"},
    "agent": RUN | {"models", "mdn", "data"},
    "train": RUN | {"models", "mdn", "data"},
    "evolve": RUN | {"report"},
    "dream": RUN | {"models", "mdn", "data", "agent"},
    "rollout": RUN | {"models", "mdn", "data", "agent", "envs", "parallel"},
    "pen": RUN | {"mdn", "models", "data", "train", "report"},
    "touch": RUN | {"mdn", "models", "data", "train", "report"},
    "demos": RUN | {"mdn", "data", "train", "report"},
    "stages": RUN | {
        "models", "mdn", "data", "envs", "parallel", "agent", "train", "evolve", "dream",
        "rollout", "report",
    },
    "bench": RUN | {
        "models", "mdn", "data", "envs", "parallel", "agent", "train", "evolve", "dream", "rollout",
        "report",
    },
    "faults": RUN,
    "page": RUN | {
        "models", "mdn", "data", "envs", "parallel", "agent", "dream", "rollout", "stages",
        "trained", "config",
    },
    "config": RUN | {"parallel", "check", "cli", "compose", "settle"},
    "check": RUN,
    "settle": RUN | {"envs"},
    "cli": RUN | {"compose", "help"},
    "compose": RUN,
    "help": RUN | {"compose"},
    "__main__": {"cli"},
    "__init__": {"trained"},
    "trained": RUN | {"agent", "config", "compose", "dream", "envs", "models", "stages"},
}  # fmt: skip
HYDRA = {"config", "check", "cli", "compose", "help", "settle"}
ONLY_IN = {"hydra": HYDRA, "omegaconf": HYDRA, "tensorboard": {"run"},
           "wandb": {"run"}, "mlflow": {"run"}, "ray": {"parallel"},
           "matplotlib": {"report", "demos"}}  # fmt: skip


def imports(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {name.name for name in node.names}
        elif isinstance(node, ast.ImportFrom):
            # Relative within mdn alone, which may be lifted out as it is.
            assert not node.level or path.parent.name == "mdn", f"{path}: relative import"
            module = f"worldmodel.mdn.{node.module}" if node.level else node.module or ""
            whole = module == "worldmodel"
            found |= {f"{module}.{name.name}" for name in node.names} if whole else {module}
    return found


def room(path: Path) -> str:
    first = path.relative_to(ROOT / "worldmodel").parts[0]
    return first.removesuffix(".py")


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_keep_to_their_layer(path):
    here = room(path)
    ours = {name.split(".")[1] for name in imports(path) if name.startswith("worldmodel.")}
    assert ours - {here} <= ALLOWED[here]


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT)))
def test_some_packages_stay_in_one_room(path):
    for name in imports(path):
        for part in name.split("."):
            if part in ONLY_IN:
                assert room(path) in ONLY_IN[part], f"{part} in {path}"


@pytest.mark.parametrize("path", [*SOURCES, *SCRIPTS], ids=lambda p: str(p.relative_to(ROOT)))
def test_no_function_is_longer_than_a_page(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef):
            lines = node.end_lineno - node.lineno + 1
            assert lines <= 60, f"{path}: {node.name} has {lines} lines"


def test_nothing_imports_scripts():
    for path in SOURCES:
        assert not any(name.split(".")[0] == "scripts" for name in imports(path))


def test_mdn_needs_torch_only():
    """And safetensors, where a model is a file, and NumPy, where there is no torch."""
    for path in (ROOT / "worldmodel" / "mdn").glob("*.py"):
        outside = {name.split(".")[0] for name in imports(path)} - set(sys.stdlib_module_names)
        alone = {"save.py": {"torch", "safetensors"}, "numpy_draws.py": {"numpy"}}
        assert outside - {"worldmodel"} <= alone.get(path.name, {"torch"}), path.name


@pytest.mark.slow
def test_mdn_can_be_lifted_out(tmp_path):
    shutil.copytree(ROOT / "worldmodel" / "mdn", tmp_path / "mixtures")
    program = (
        "import sys, torch, mixtures; "
        "m = mixtures.MixtureHead(4, 2, 3)(torch.zeros(5, 4)); "
        "assert m.sample((7,)).shape == (7, 5, 2); "
        "assert not [name for name in sys.modules if name.startswith('worldmodel')]"
    )
    subprocess.run([sys.executable, "-c", program], cwd=tmp_path, check=True)


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda p: p.name)
def test_scripts_stay_thin(path):
    lines = path.read_text().splitlines()
    limit = 60
    assert len(lines) < limit
    assert lines[0].startswith('"""')
    assert f"python scripts/{path.name}" in lines[0], "the docstring shows the command"
