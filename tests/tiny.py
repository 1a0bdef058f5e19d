"""Tiny runs, finished once a test run by whichever process asks first; tests get copies."""

import contextlib
import fcntl
import hashlib
import runpy
import shutil
import sys
from pathlib import Path
from unittest.mock import patch

from worldmodel.run.registry import PIPELINE

ROOT = Path(__file__).resolve().parent.parent


def run_script(name: str, *overrides: str) -> int:
    """Run a script in this process, as `python scripts/<name>.py` would; its exit code."""
    path = ROOT / "scripts" / f"{name}.py"
    with patch.object(sys, "argv", [str(path), *overrides]):
        try:
            runpy.run_path(str(path), run_name="__main__")
        except SystemExit as stop:
            return int(stop.code or 0)
    return 0


class TinyRuns:
    """Runs in a folder that all processes of a test run share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def copy(self, upto: str, overrides: tuple[str, ...], runs: Path) -> Path:
        """A copy of the run of these overrides below `runs`, with the stages up to `upto`.

        `name=…` is that of the copy. Nothing in the files tells it but a controller, which
        knows where its V and M are.
        """
        names = [text.removeprefix("name=") for text in overrides if text.startswith("name=")]
        recipe = tuple(text for text in overrides if not text.startswith("name="))
        assert not any(text.startswith(("upstream=", "start=", "seed=")) for text in recipe)
        stages = list(PIPELINE)[: list(PIPELINE).index(upto) + 1]
        assert not names or "train_controller" not in stages
        made = self._finish(stages, recipe)
        copy = runs / (names or ["tiny"])[-1] / "seed0"
        for stage in stages:
            shutil.copytree(made / stage, copy / stage)
        return copy

    def _finish(self, stages: list[str], recipe: tuple[str, ...]) -> Path:
        folder = self._folder / hashlib.sha256(" ".join(sorted(recipe)).encode()).hexdigest()[:16]
        folder.mkdir(parents=True, exist_ok=True)
        root = folder / "runs" / "tiny" / "seed0"
        # Paths in the files are relative, so that they hold in every copy.
        with (folder / "lock").open("w") as lock, contextlib.chdir(folder):
            fcntl.flock(lock, fcntl.LOCK_EX)
            for stage in stages:
                if not (root / stage / "DONE").exists():
                    code = run_script(stage, *recipe, "runs=runs", "name=tiny")
                    assert code == 0, f"{stage} with {recipe} ended with {code}"
        return root
