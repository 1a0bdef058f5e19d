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
