"""What `pip install` brings: the code, conf/, the scripts, and the shipped agents."""

import importlib.util
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
BUILT_FROM = ("worldmodel", "conf", "scripts", "runs/pretrained", "pyproject.toml", "README.md",
              "LICENSE")  # fmt: skip


@pytest.fixture(scope="module")
def names(tmp_path_factory) -> set[str]:
    """Names of the files in a wheel; built from a copy, since a build leaves files behind."""
    if importlib.util.find_spec("setuptools") is None:
        pytest.skip("setuptools is not installed here")
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel")
    skip = shutil.ignore_patterns("__pycache__", "evaluate")
    for name in BUILT_FROM:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        (source / name).parent.mkdir(exist_ok=True)
        copy(ROOT / name, source / name, **({"ignore": skip} if copy is shutil.copytree else {}))
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "--no-build-isolation",
         "--disable-pip-version-check", "-w", str(out), str(source)],
        check=True, capture_output=True,
    )  # fmt: skip
    (wheel,) = out.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def test_a_wheel_holds_all_that_the_commands_need(names):
    for folder, within, pattern in (
        ("worldmodel", "worldmodel", "*.py"),
        ("worldmodel", "worldmodel", "README.md"),
        ("conf", "worldmodel/conf", "*.yaml"),
        ("scripts", "worldmodel/scripts", "*.py"),
    ):
        for path in (ROOT / folder).rglob(pattern):
            assert f"{within}/{path.relative_to(ROOT / folder).as_posix()}" in names
    for agent in ("car_racing", "take_cover"):
        for file in ("agent.json", *(f"seed0/{stage}/{name}"
                     for stage in ("train_vae", "train_mdnrnn", "train_controller")
                     for name in ("DONE", "checkpoints/best.safetensors"))):  # fmt: skip
            assert f"worldmodel/pretrained/{agent}/{file}" in names
    assert "worldmodel/py.typed" in names
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_every_room_is_named_in_pyproject():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    rooms = {".".join(path.parent.relative_to(ROOT).parts)
             for path in (ROOT / "worldmodel").rglob("__init__.py")}  # fmt: skip
    assert rooms == set(settings["packages"]) - set(settings["package-dir"]) | {"worldmodel"}


def test_a_wheel_holds_nothing_else(names):
    kinds = {Path(name).suffix for name in names if ".dist-info/" not in name}
    page = {".html", ".css", ".js", ".wasm", ".wat"}
    assert kinds <= page | {".py", ".yaml", ".md", ".json", ".npz", ".safetensors", ".typed", ""}
    assert not any(name.startswith(("tests", "setup", "runs")) for name in names)
