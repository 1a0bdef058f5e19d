"""Collected data: no reset rows, whole episodes survive a kill, the rest is made later."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np

from worldmodel.data.episodes import EpisodeStore
from worldmodel.envs.vector import GymVector
from worldmodel.rollout.collect import record


def test_every_transition_once_and_no_reset_row(small):
    seeds = [4, 5, 6]
    plans = np.stack([small.env.explorer(small.spec, seed, 30) for seed in seeds])
    episodes = dict(record(GymVector(small.env, small.spec), plans, seeds))
    assert len({len(episode) for episode in episodes.values()}) > 1
    for row, seed in enumerate(seeds):
        episode = episodes[row]
        env = GymVector(small.env, small.spec)
        obs = env.reset([seed])
        np.testing.assert_array_equal(episode.obs[0], obs[0])
        for t in range(len(episode)):
            obs, reward, terminated, truncated = env.step(plans[row, t][None], np.array([0]))
            np.testing.assert_array_equal(episode.obs[t + 1], obs[0])
            assert episode.reward[t] == reward[0]
            assert episode.terminated[t] == terminated[0]
            assert episode.truncated[t] == truncated[0]
        assert episode.terminated[-1] or episode.truncated[-1]
        assert not episode.terminated[:-1].any()


def test_a_plan_that_ends_first_truncates(small):
    plans = np.stack([small.env.explorer(small.spec, 4, 3)])
    ((_, episode),) = record(GymVector(small.env, small.spec), plans, [4])
    assert len(episode) == 3
    assert episode.truncated.tolist() == [False, False, True]


def test_killed_in_the_middle_then_completed(stage, tmp_path):
    overrides = [f"runs={tmp_path / 'runs'}", "experiment=tiny", "env=cart_pole",
                 "env.max_episode_steps=200", "collect.episodes=40", "collect.envs=1"]  # fmt: skip
    process = subprocess.Popen(
        [sys.executable, "scripts/collect.py", *overrides], stdout=subprocess.DEVNULL
    )
    folder = tmp_path / "runs/tiny/seed0/collect/episodes"
    deadline = time.time() + 60
    while not (folder / "000004").exists() and time.time() < deadline:
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    kept = EpisodeStore.open(folder).indices()
    assert 4 < len(kept) < 40
    before = {index: EpisodeStore.open(folder).read(index) for index in kept}
    assert stage("collect", *overrides[1:]).code == 0
    store = EpisodeStore.open(folder)
    assert store.indices() == list(range(40))
    for index, episode in before.items():
        np.testing.assert_array_equal(store.read(index).obs, episode.obs)
    seeds = [store.read(index).seed for index in range(40)]
    assert len(set(seeds)) == 40
    assert json.loads((folder.parent / "DONE").read_text())["figures"]["episodes"] == 40


def test_interrupt_is_one_sentence(tmp_path):
    process = subprocess.Popen(
        [sys.executable, "scripts/collect.py", f"runs={tmp_path / 'runs'}", "experiment=tiny",
         "env=cart_pole", "collect.episodes=5000"],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )  # fmt: skip
    folder = tmp_path / "runs/tiny/seed0/collect/episodes"
    deadline = time.time() + 60
    while not (folder / "000002").exists() and time.time() < deadline:
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert err.strip() == "interrupted; the same command goes on from the last checkpoint."
    assert EpisodeStore.open(folder).indices()
    assert not (folder.parent / "DONE").exists()
