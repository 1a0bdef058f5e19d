"""What a log leaves: metrics.jsonl, and the event files as TensorBoard reads them."""

import json
import re
from pathlib import Path

import cv2
import numpy as np
import pytest
from tensorboard.backend.event_processing.plugin_event_accumulator import EventAccumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import metadata

from worldmodel.models.pictures import COLUMNS, GAP, grid
from worldmodel.run.log import Log, LogConfig, check_logger, read_metrics
from worldmodel.run.log.cards import CATEGORIES, CHARTS, FINAL, tag
from worldmodel.run.log.hyperparameters import KEYS, hyperparameters
from worldmodel.run.log.log import enlarge
from worldmodel.run.registry import PIPELINE
from worldmodel.types import UserError


def board(folder: Path) -> EventAccumulator:
    events = EventAccumulator(str(folder / "tb"))
    events.Reload()
    return events


def points(events: EventAccumulator, name: str) -> list[tuple[int, float]]:
    return [(event.step, float(event.tensor_proto.float_val[0])) for event in events.Tensors(name)]


def layout_of(folder: Path) -> layout_pb2.Layout:
    event = board(folder).Tensors("custom_scalars__config__")[-1]
    return layout_pb2.Layout.FromString(event.tensor_proto.string_val[0])


def write(folder: Path, stage: str, *names: str, steps: int = 3) -> None:
    log = Log(folder, config=LogConfig(stage=stage))
    for step in range(1, steps + 1):
        log.scalars(step, {name: float(step) for name in names})
    log.close()


def test_metrics_keep_their_names(tmp_path):
    write(tmp_path, "train_controller", "cma/sigma", "selection/mean", steps=1)
    text = (tmp_path / "metrics.jsonl").read_text()
    assert text == '{"step": 1, "cma/sigma": 1.0, "selection/mean": 1.0}\n'


def test_the_board_begins_with_the_score(tmp_path):
    names = "fitness/mean", "selection/mean", "cma/mean_norm", "cma/sigma", "env_steps"
    write(tmp_path, "train_controller", *names)
    tags = sorted(set(board(tmp_path).Tags()["tensors"]) - {"custom_scalars__config__"})
    assert tags[:2] == ["1 Score/selection/mean", "4 C/fitness/mean"]
    assert set(tags[2:]) == {f"7 Details/{name}" for name in names[2:]}


def test_groups_follow_the_pipeline():
    first = {"evaluate": "score", "train_vae": "holdout/recon",
             "train_mdnrnn": "open_loop/5", "train_controller": "fitness/mean"}  # fmt: skip
    tags = [tag(stage, name) for stage, name in first.items()]
    assert tags == sorted(tags)
    assert tag("train_mdnrnn/k1", "holdout/loss") == tag("train_mdnrnn", "holdout/loss")
    assert tag("", "rounds/score") == "rounds/score"


def test_numbers_come_with_a_line_of_explanation(tmp_path):
    write(tmp_path, "train_vae", "holdout/recon")
    about = board(tmp_path).SummaryMetadata("2 V/holdout/recon")
    assert "Lower is better" in about.summary_description


def test_each_stage_writes_its_part_of_the_layout(tmp_path):
    for stage in PIPELINE:
        write(tmp_path / stage, stage, "score")
        if stage in ("collect", "encode"):
            assert "custom_scalars__config__" not in board(tmp_path / stage).Tags()["tensors"]
            continue
        layout = layout_of(tmp_path / stage)
        # All categories in each: TensorBoard takes their order from the first run it finds.
        assert [category.title for category in layout.category] == list(CATEGORIES.values())
        titles = {chart.title for category in layout.category for chart in category.chart}
        assert titles == {chart.title for chart in CHARTS if chart.stage == stage}


def test_tensorboard_merges_the_layouts(tmp_path):
    """TensorBoard's own code, on its own reading of the folder."""
    from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
    from tensorboard.context import RequestContext
    from tensorboard.plugins.base_plugin import TBContext
    from tensorboard.plugins.custom_scalar.custom_scalars_plugin import CustomScalarsPlugin

    for stage in PIPELINE:
        for seed in (0, 1):
            write(tmp_path / f"seed{seed}" / stage, stage, "score")
    multiplexer = plugin_event_multiplexer.EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(tmp_path))
    multiplexer.Reload()
    provider = data_provider.MultiplexerDataProvider(multiplexer, str(tmp_path))
    context = TBContext(data_provider=provider, logdir=str(tmp_path))
    merged = json.loads(CustomScalarsPlugin(context).layout_impl(RequestContext(), ""))
    found = [
        (category["title"], [chart["title"] for chart in category["chart"]])
        for category in merged["category"]
    ]
    assert [title for title, _ in found] == list(CATEGORIES.values())
    assert sorted(title for _, titles in found for title in titles) == sorted(
        chart.title for chart in CHARTS
    )


def test_charts_find_the_tags_that_stages_write(tmp_path):
    for stage in {chart.stage for chart in CHARTS}:
        names = [name for chart in CHARTS if chart.stage == stage for name in chart.metrics]
        write(tmp_path / stage, stage, *names)
        tags = board(tmp_path / stage).Tags()["tensors"]
        for category in layout_of(tmp_path / stage).category:
            for chart in category.chart:
                for pattern in chart.multiline.tag:
                    assert len([name for name in tags if re.match(pattern, name)]) == 1


def test_a_resumed_log_forgets_what_came_later(tmp_path):
    write(tmp_path, "train_vae", "holdout/recon", steps=5)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 6, "holdout/rec')  # killed while it wrote
    log = Log(tmp_path, 3, LogConfig(stage="train_vae"))
    log.scalars(4, {"holdout/recon": 40.0})
    log.close()
    assert [(line["step"], line["holdout/recon"]) for line in read_metrics(tmp_path)] == [
        (1, 1.0), (2, 2.0), (3, 3.0), (4, 40.0)]  # fmt: skip
    assert points(board(tmp_path), "2 V/holdout/recon") == [
        (1, 1.0), (2, 2.0), (3, 3.0), (4, 40.0)]  # fmt: skip
    assert len(layout_of(tmp_path).category) == len(CATEGORIES)


@pytest.mark.parametrize(("width", "factor"), [(330, 2), (66, 10), (640, 1), (600, 1), (599, 2)])
def test_small_pictures_are_enlarged_by_a_whole_factor(width, factor):
    picture = np.random.default_rng(0).integers(0, 256, (4, width, 3)).astype(np.uint8)
    big = enlarge(picture)
    assert big.shape == (4 * factor, width * factor, 3)
    np.testing.assert_array_equal(big[::factor, ::factor], picture)


def test_a_frame_takes_64_pixels_of_a_card(tmp_path):
    """TensorBoard's cards show a picture about 350 pixels wide."""
    picture = grid([np.zeros((COLUMNS, 64, 64, 3), np.uint8)] * 2)
    log = Log(tmp_path, config=LogConfig(stage="train_vae"))
    log.image(1, "reconstructions", picture)
    log.close()
    (event,) = board(tmp_path).Tensors("2 V/reconstructions")
    width, height, png = event.tensor_proto.string_val
    shown = cv2.imdecode(np.frombuffer(png, np.uint8), cv2.IMREAD_COLOR)
    assert shown.shape[:2] == (int(height), int(width))
    assert 350 * 64 / (COLUMNS * (64 + GAP)) >= 64
    assert int(width) >= 2 * 64 * COLUMNS


FIGURES = {
    "evaluate": {"mean": 900.0, "sd": 20.0, "episodes": 4, "note": "text"},
    "train_controller": {"selection_score": 880.0},
    "train_mdnrnn": {"nats_per_dim": 1.2},
    "train_vae": {"holdout_recon": 15.0, "moving_explained": 0.9},
}
VALUES = {"env.id": "CarRacing-v3", "vae.z_dim": 32.0, "seed": 0.0}


def finish(folder: Path, score: float, resume_step: int = 0) -> EventAccumulator:
    config = LogConfig(stage="evaluate", hyperparameters=VALUES)
    log = Log(folder, resume_step, config)
    log.scalars(resume_step + 1, {"score": score})
    log.finish(FIGURES | {"evaluate": {"mean": score, "sd": 1.0}})
    log.close()
    return board(folder)


def test_evaluate_writes_the_row_of_its_run(tmp_path):
    events = finish(tmp_path, 900.0)
    content = events.PluginTagToContent(metadata.PLUGIN_NAME)
    start = metadata.parse_session_start_info_plugin_data(content[metadata.SESSION_START_INFO_TAG])
    row = {key: value.string_value or value.number_value for key, value in start.hparams.items()}
    assert row == VALUES
    table = metadata.parse_experiment_plugin_data(content[metadata.EXPERIMENT_TAG])
    assert {info.name for info in table.hparam_infos} == {k for keys in KEYS.values() for k in keys}
    for info in table.metric_infos:
        assert len(points(events, info.name.tag)) == 1
    assert points(events, "1 Score/final test score") == [(1, 900.0)]
    assert [info.display_name for info in table.metric_infos] == [title for *_, title in FINAL]
    assert "final" not in (tmp_path / "metrics.jsonl").read_text()


def test_a_stage_that_goes_on_replaces_its_row(tmp_path):
    finish(tmp_path, 900.0)
    events = finish(tmp_path, 910.0, resume_step=1)
    assert points(events, "1 Score/final test score") == [(2, 910.0)]


def test_other_stages_write_no_row(tmp_path):
    log = Log(tmp_path, config=LogConfig(stage="train_vae", hyperparameters=VALUES))
    log.finish(FIGURES)
    log.close()
    with pytest.raises(KeyError):
        board(tmp_path).PluginTagToContent(metadata.PLUGIN_NAME)


def test_hyperparameters_come_from_the_stage_that_they_are_of():
    found = hyperparameters(
        {
            "train_vae": {"vae": {"z_dim": 16}, "seed": 3, "env": {"id": "Pong"}},
            "train_controller": {
                "vae": {"z_dim": 32},
                "seed": 3,
                "controller": {"inputs": ["z", "h"]},
                "world": {"kind": "real", "config": {"max_steps": None}},
            },
        }
    )
    assert found == {"vae.z_dim": 16.0, "seed": 3.0, "env.id": "Pong",
                     "controller.inputs": "z, h", "world.kind": "real"}  # fmt: skip


def test_a_logger_that_is_missing_or_unknown(monkeypatch):
    with pytest.raises(UserError, match=r"logger is comet: use tensorboard, wandb, mlflow\."):
        check_logger("comet")
    monkeypatch.setattr("worldmodel.run.log.tracker.find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"pip install 'worldmodel\[wandb\]'"):
        check_logger("wandb")


def rows_of(folder: Path) -> list[tuple[int, str]]:
    return [(row["step"], name) for row in read_metrics(folder) for name in row if name != "step"]


def test_what_is_computed_again_after_a_kill_is_not_recorded_twice(tmp_path):
    log = Log(tmp_path)
    log.scalars(0, {"selection": 1.0})
    log.scalars(5, {"loss": 1.0})
    log.scalars(5, {"final": 2.0})
    log.scalars(6, {"loss": 0.5})
    log.close()
    again = Log(tmp_path, resume_step=5)
    again.scalars(0, {"selection": 1.0})
    again.scalars(5, {"final": 2.0})
    again.scalars(6, {"loss": 0.5})
    again.close()
    assert rows_of(tmp_path) == [(0, "selection"), (5, "loss"), (5, "final"), (6, "loss")]


def test_what_a_kill_cut_off_is_made_up_for_where_it_is_known(tmp_path):
    log = Log(tmp_path)
    log.scalars(1, {"score": 10.0})
    log.close()
    rows = [{"step": 1, "score": 10.0}, {"step": 2, "score": 20.0}]
    again = Log(tmp_path, resume_step=2, rows=rows)
    again.scalars(3, {"score": 30.0})
    again.close()
    assert [row["score"] for row in read_metrics(tmp_path)] == [10.0, 20.0, 30.0]
    assert points(board(tmp_path), "score") == [(1, 10.0), (2, 20.0), (3, 30.0)]


@pytest.mark.parametrize(
    "damage", [b"\x80\xff\n", b"[1]\n", b"{}\n", b'{"step": "1"}\n', b"[" * 9999]
)
def test_a_damaged_record_ends_what_is_read(tmp_path, damage):
    whole = b'{"step": 1, "loss": 1.0}\n'
    (tmp_path / "metrics.jsonl").write_bytes(whole + damage + whole)
    assert read_metrics(tmp_path) == [{"step": 1, "loss": 1.0}]


def test_what_is_no_number_is_left_out(tmp_path):
    log = Log(tmp_path)
    log.scalars(1, {"agreement": float("nan"), "loss": 1.0})
    log.close()
    assert (tmp_path / "metrics.jsonl").read_text() == '{"step": 1, "loss": 1.0}\n'
