"""All stages in order, for both kinds of action and both worlds."""

import json

import cv2
import numpy as np
import pytest
from rich.console import Console
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tensorboard.plugins.hparams.metadata import parse_session_start_info_plugin_data

from worldmodel.data.episodes import EpisodeStore
from worldmodel.data.latents import LatentStore
from worldmodel.report.tables import closing_table
from worldmodel.run.layout import read_done
from worldmodel.run.log import read_metrics
from worldmodel.run.registry import PIPELINE
from worldmodel.seed import PURPOSES, derive_many

TINY = "experiment=tiny"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("env", "world"), [("cart_pole", "real"), ("pendulum", "dream"), ("cart_pole", "hybrid")]
)
def test_tiny_pipeline(stages, stage, tmp_path, env, world):
    # More context than a tiny episode has: its film shows half of it.
    overrides = [TINY, f"env={env}", f"world={world}", "evaluate.context=1000"]
    stages(" ".join(PIPELINE), *overrides)
    root = tmp_path / "runs" / "tiny" / "seed0"

    store = EpisodeStore.open(root / "collect" / "episodes")
    assert len(store.indices()) == 4
    latents = LatentStore.open(root / "encode" / "latents")
    assert latents.episode(0).mu.shape == (len(store.read(0).obs), 4)

    nats = read_done(root / "train_mdnrnn")["figures"]
    for name in ("nats_per_dim", "nats_per_dim_single_gaussian", "nats_per_dim_unit_gaussian",
                 "nats_per_dim_persistence"):  # fmt: skip
        assert np.isfinite(nats[name])

    summary = json.loads((root / "evaluate" / "summary.json").read_text())
    episodes = [json.loads(line) for line in (root / "evaluate" / "episodes.jsonl").open()]
    assert summary["episodes"] == len(episodes) == 3
    assert summary["mean"] == pytest.approx(np.mean([e["score"] for e in episodes]))
    assert {e["seed"] >> 27 for e in episodes} == {PURPOSES.index("test")}
    collected = {store.read(index).seed >> 27 for index in store.indices()}
    assert collected == {PURPOSES.index("collect")}
    for name in ("best", "median", "worst"):
        film = cv2.VideoCapture(str(root / "evaluate" / f"{name}.mp4"))
        assert film.get(cv2.CAP_PROP_FRAME_COUNT) > 3
        assert cv2.imread(str(root / "evaluate" / f"{name}.png")) is not None
    shown = EventAccumulator(str(root / "evaluate" / "tb"))
    shown.Reload()
    tags = set(shown.Tags()["tensors"])
    kinds = "film", "filmstrip"
    films = {f"5 Films/{kind}/{name}" for kind in kinds for name in ("best", "median", "worst")}
    assert films | {"1 Score/final test score", "custom_scalars__config__"} <= tags
    assert ("4 C/dream_and_reality" in tags) == (world != "real")
    row = shown.PluginTagToContent("hparams")["_hparams_/session_start_info"]
    values = parse_session_start_info_plugin_data(row).hparams
    assert values["world.kind"].string_value == world
    assert values["vae.z_dim"].number_value == 4

    for name in PIPELINE:
        done = read_done(root / name)
        assert done["peak_memory_gb"] > 0
        assert list((root / name).glob("config.json"))
    assert {"fitness/mean", "selection/mean"} <= set().union(
        *read_metrics(root / "train_controller")
    )

    if world == "dream":
        stages("play_dream", *overrides, "play.episodes=2")
        assert len(list((root / "play_dream").glob("*.mp4"))) == 2

    fresh = ("name=fresh", "upstream=tiny", "evaluate.skip=3", "evaluate.videos=false")
    stages("evaluate", *overrides, *fresh)
    later = (tmp_path / "runs" / "fresh" / "seed0" / "evaluate" / "episodes.jsonl").open()
    played = [record["seed"] for record in (*episodes, *map(json.loads, later))]
    assert sorted(played) == sorted(derive_many(0, "test", 6))

    again = stage("train_vae", *overrides)
    assert again.code == 0
    assert "done already" in again.out


@pytest.mark.slow
def test_one_command_runs_all_goes_on_and_says_when_it_is_done(stage, tmp_path):
    failed = stage("pipeline", TINY, "env=cart_pole", "start=nobody")
    assert failed.code == 1
    root = tmp_path / "runs" / "tiny" / "seed0"
    assert [name for name in PIPELINE if (root / name / "DONE").exists()] == ["collect"]
    assert not (root / "encode").exists()
    whole = stage("pipeline", TINY, "env=cart_pole")
    assert whole.code == 0, whole.err
    assert whole.out.count("done already") == 1
    assert whole.out.count("done in") == 5


@pytest.mark.slow
def test_a_score_may_have_arguments_of_its_own(stages, stage, finished, tmp_path):
    scoring = ("evaluate.vector=fast", "+evaluate.fast_kwargs.sutton_barto_reward=true")
    environment = ("env=cart_pole", "env.fast_id=CartPole-v1")
    finished("train_controller", TINY, "env=cart_pole")
    stages("evaluate", TINY, *environment, *scoring)
    root = tmp_path / "runs" / "tiny" / "seed0"
    path = root / "evaluate" / "episodes.jsonl"

    def paid() -> list[float]:
        return [json.loads(line)["score"] for line in path.open()]

    assert paid() == [-1.0] * 3, "the fall costs 1, and a step pays nothing"
    stages("collect", TINY, *environment, *scoring, "name=collected")
    collected = read_done(tmp_path / "runs" / "collected" / "seed0" / "collect")
    assert collected["figures"]["return_mean"] > 1

    other = stage("evaluate", TINY, *environment, scoring[1])
    assert other.code == 1
    assert "evaluate.vector=fast" in other.err

    with path.open("a") as file:
        file.write('{"seed": 3')  # as a kill leaves it
    stages("evaluate", TINY, *environment, *scoring, "evaluate.episodes=5")
    assert paid() == [-1.0] * 5
    rows = read_metrics(root / "evaluate")
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5], "what was played before is text still"


def test_closing_table(finished, tmp_path):
    finished("collect", TINY, "env=cart_pole")
    console = Console(record=True, width=200)
    closing_table({"runs": str(tmp_path / "runs"), "name": "tiny", "seed": 0}, console)
    text = console.export_text()
    assert "collect" in text
    assert "episodes 4" in text
    assert "train_vae" not in text
