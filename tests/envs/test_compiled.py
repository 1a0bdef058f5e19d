"""Compiled functions, where their code can be kept and where it can't."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from numba import config
from numba.core.caching import FunctionCache

from worldmodel.envs import compiled as module
from worldmodel.envs.compiled import compiled


@pytest.fixture(autouse=True)
def anew():
    module._folder.cache_clear()
    yield
    module._folder.cache_clear()


def twice(number):
    return 2 * number


def test_code_is_kept_apart_for_each_state_of_the_sources(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    for version in ("1", "2"):
        monkeypatch.setattr(module.gym, "__version__", version)
        module._folder.cache_clear()
        assert compiled(twice)(3) == 6
    assert len([path for path in tmp_path.iterdir() if any(path.rglob("*.nbi"))]) == 2
    assert str(tmp_path) == config.CACHE_DIR


def test_where_one_folder_cannot_be_written_it_is_another_of_the_same_state(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setattr(module, "__file__", str(blocked / "compiled.py"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home"))
    folder = Path(module._folder(str(blocked / "given")))
    assert folder.parent == tmp_path / "home" / "worldmodel"


def test_it_compiles_where_no_folder_can_keep_the_code(monkeypatch):
    monkeypatch.setattr(module, "_folder", lambda given: None)
    doubled = compiled(twice)
    assert doubled(3) == 6
    assert doubled.stats.cache_path is None


def test_one_process_writes_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(config, "CACHE_DIR", str(tmp_path))
    log, inside, go_on = [], threading.Event(), threading.Event()

    def save(self, sig, data):
        log.append("begins")
        inside.set()
        go_on.wait(20)
        log.append("ends")

    monkeypatch.setattr(FunctionCache, "save_overload", save)
    # Not by compiling: within one process, numba's own lock would do.
    both = [threading.Thread(target=module._Kept(twice).save_overload, args=(None, None))
            for _ in range(2)]  # fmt: skip
    both[0].start()
    assert inside.wait(20)
    both[1].start()
    both[1].join(0.3)
    assert log == ["begins"]
    go_on.set()
    for thread in both:
        thread.join()
    assert log == ["begins", "ends"] * 2


def test_numbas_switch_for_debugging_changes_nothing():
    code = "from worldmodel.envs.area import _average; print(type(_average).__name__)"
    switched = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    root = Path(__file__).parents[2]
    ran = subprocess.run(
        [sys.executable, "-c", code], cwd=root, env=switched, capture_output=True, text=True
    )
    assert ran.stdout == "CPUDispatcher\n", ran.stderr
