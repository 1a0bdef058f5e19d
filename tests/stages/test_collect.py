"""The collect stage: whole episodes survive a kill, the rest is made later."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from worldmodel.data.episodes import EpisodeStore

SCRIPT = Path(__file__).resolve().parents[2] / "scripts" / "collect.py"


@pytest.mark.slow
def test_killed_in_the_middle_then_completed(stage, tmp_path):
    overrides = ["experiment=tiny", "env=cart_pole", "env.max_episode_steps=200", "collect.envs=1"]
    endless = [*overrides, f"runs={tmp_path / 'runs'}", "collect.episodes=20000"]
    process = subprocess.Popen([sys.executable, str(SCRIPT), *endless], stdout=subprocess.DEVNULL)
    folder = tmp_path / "runs/tiny/seed0/collect/episodes"
    deadline = time.time() + 60
    while not (folder / "000004.zip").exists() and time.time() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = EpisodeStore.open(folder).indices()
    assert len(kept) > 4
    wanted = len(kept) + 5
    before = {index: EpisodeStore.open(folder).read(index) for index in kept}
    assert stage("collect", *overrides, f"collect.episodes={wanted}").code == 0
    store = EpisodeStore.open(folder)
    assert store.indices() == list(range(wanted))
    for index, episode in before.items():
        np.testing.assert_array_equal(store.read(index).obs, episode.obs)
    seeds = [store.read(index).seed for index in range(wanted)]
    assert len(set(seeds)) == wanted
    assert json.loads((folder.parent / "DONE").read_text())["figures"]["episodes"] == wanted


@pytest.mark.slow
def test_interrupt_is_one_sentence(tmp_path):
    process = subprocess.Popen(
        [sys.executable, str(SCRIPT), f"runs={tmp_path / 'runs'}", "experiment=tiny",
         "env=cart_pole", "collect.episodes=5000"],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    folder = tmp_path / "runs/tiny/seed0/collect/episodes"
    deadline = time.time() + 60
    while not (folder / "000002.zip").exists() and time.time() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.strip() == "interrupted; the same command goes on from the last checkpoint."
    assert EpisodeStore.open(folder).indices()
    assert not (folder.parent / "DONE").exists()


@pytest.mark.slow
def test_a_resumed_collect_keeps_which_episodes_are_its_own(stages, tmp_path):
    tiny = ["experiment=tiny", "env=cart_pole"]
    other = [*tiny, "name=new", "collect.replay=old", "collect.replay_episodes=2"]
    stages("collect", *tiny, "name=old", "collect.episodes=3")
    stages("collect", *other, "collect.episodes=2")
    folder = tmp_path / "runs/new/seed0/collect/episodes"
    first = EpisodeStore.open(folder)
    kept = {index: first.read(index).seed for index in first.indices()}
    assert first.newest_from == 3
    assert [index for index in kept if index >= 3] == [3, 4]
    assert len(kept) == 4
    # Meanwhile the other run has grown, into the indices that are taken here.
    stages("collect", *tiny, "name=old", "collect.episodes=5")
    stages("collect", *other, "collect.episodes=4")
    again = EpisodeStore.open(folder)
    assert again.newest_from == 3
    assert again.indices() == [*kept, 5, 6]
    assert {index: again.read(index).seed for index in kept} == kept
    assert EpisodeStore.open(tmp_path / "runs/old/seed0/collect/episodes").newest_from == 0


def test_a_store_from_before_newest_from_goes_on(stages, tmp_path):
    tiny = ["experiment=tiny", "env=cart_pole"]
    other = [*tiny, "name=new", "collect.replay=old"]
    stages("collect", *tiny, "name=old", "collect.episodes=3")
    stages("collect", *other, "collect.episodes=1")
    path = tmp_path / "runs/new/seed0/collect/episodes/metadata.json"
    metadata = json.loads(path.read_text())
    del metadata["newest_from"]
    path.write_text(json.dumps(metadata))
    stages("collect", *other, "collect.episodes=2")
    store = EpisodeStore.open(path.parent)
    assert store.indices() == [0, 1, 2, 3, 4]
    assert store.newest_from == 0


def test_no_more_episodes_begin_where_there_are_enough_frames(stage, tmp_path):
    overrides = ["experiment=tiny", "env=pendulum", "collect.episodes=20", "collect.envs=2"]
    folder = tmp_path / "runs/tiny/seed0/collect"
    assert stage("collect", *overrides, "collect.frames=60").code == 0
    store = EpisodeStore.open(folder / "episodes")
    assert store.lengths() == dict.fromkeys(range(4), 24), "25 frames each; two at a time"
    assert json.loads((folder / "DONE").read_text())["figures"]["episodes"] == 4
    before = store.read(3).obs
    assert stage("collect", *overrides, "collect.frames=110").code == 0
    assert store.indices() == list(range(6))
    np.testing.assert_array_equal(store.read(3).obs, before)


@pytest.mark.slow
def test_what_an_agent_plays_does_not_depend_on_a_kill(stages, finished, tmp_path):
    tiny = ["experiment=tiny", "env=pendulum"]
    finished("train_controller", *tiny)
    played = [*tiny, "name=agent", "collect.agent=tiny", "collect.agent_noise=1",
              "collect.episodes=4", "collect.envs=3"]  # fmt: skip
    stages("collect", *played)
    folder = tmp_path / "runs/agent/seed0/collect"
    whole = {index: EpisodeStore.open(folder / "episodes").read(index) for index in range(4)}
    (folder / "DONE").unlink()
    for index in (0, 2):
        (folder / "episodes" / f"{index:06d}.zip").unlink()
    stages("collect", *played)
    for index, episode in whole.items():
        again = EpisodeStore.open(folder / "episodes").read(index)
        np.testing.assert_array_equal(again.action, episode.action)
        np.testing.assert_array_equal(again.reward, episode.reward)
