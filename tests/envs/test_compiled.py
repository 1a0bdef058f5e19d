"""Compiled functions, where their code can be kept and where it can't."""

import subprocess
import sys
from pathlib import Path

SUM = """
import numba.core.caching as caching
caching.CacheImpl._locator_classes = []  # as where no folder can be written to
from worldmodel.envs.compiled import compiled
print(compiled(lambda a, b: a + b)(2, 3))
"""


def test_it_compiles_where_no_folder_can_keep_the_code():
    root = Path(__file__).parents[2]
    ran = subprocess.run([sys.executable, "-c", SUM], cwd=root, capture_output=True, text=True)
    assert ran.stdout == "5\n", ran.stderr


def test_code_is_kept_apart_for_each_state_of_the_sources(tmp_path, monkeypatch):
    from numba import config

    from worldmodel.envs import compiled as module

    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    for version in ("1", "2"):
        monkeypatch.setattr(module.gym, "__version__", version)
        module._folder.cache_clear()
        assert module.compiled(_twice)(3) == 6
    module._folder.cache_clear()
    assert len([path for path in tmp_path.iterdir() if any(path.rglob("*.nbi"))]) == 2
    assert str(tmp_path) == config.CACHE_DIR


def _twice(number):
    return 2 * number
