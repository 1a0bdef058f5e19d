"""The systems of pen and touch, from their data to what they draw."""

import json
import shutil
from xml.etree import ElementTree

import cv2
import numpy as np
import pytest
import torch
from drawings import write_prepared, write_timed, write_touches

from worldmodel.run.checkpoint import load
from worldmodel.run.layout import SHIPPED
from worldmodel.train import fit as fitting

FIT = ["fit.steps=6", "fit.log_every=2", "fit.holdout_every=3", "fit.checkpoint_every=3"]
PEN = ["system.network.hidden=12", "system.network.components=2", "system.batches.batch_size=8"]
SYSTEMS = {
    "kanji": [*PEN, "system.samples=4"],
    "handwriting": PEN,
    "sketch": [
        "system.network.decoder.hidden=12", "system.network.decoder.components=2",
        "system.network.encoder_hidden=6", "system.network.z_dim=4",
        "system.batches.batch_size=8",
    ],
    "writing": [
        *PEN, "strokes.train=80", "strokes.held_out=6", "strokes.longest=8", "system.samples=3",
        "system.reader.count=2", "system.reader.held_out=2", "reader_fit.steps=4",
    ],
    "robojam": [*PEN, "system.batches.window=12"],
}  # fmt: skip
DRAWN = {
    "kanji": (["count=6", "columns=3"], {"sheet.svg", "sheet.png", "animated.svg"}),
    "handwriting": (["rows=2", "columns=3"], {"go_on.svg", "go_on.png"}),
    "sketch": (["columns=3", "temperatures=[0.1,0.9]"],
               {f"{name}.{kind}" for kind in ("svg", "png")
                for name in ("reconstruction", "interpolation", "temperature", "completion")}),
    "writing": (["text=hello", "lines=2"], {"text.svg", "window.svg", "window.png"}),
    "robojam": (["count=2", "seconds=0.5"],
                {"replies.svg", "replies.png"} | {f"{name}{i}.{kind}" for i in (0, 1)
                 for name, kind in (("call", "csv"), ("reply", "csv"), ("both", "wav"))}),
}  # fmt: skip


@pytest.fixture
def data(tmp_path, monkeypatch):
    folder = tmp_path / "data"
    folder.mkdir()
    monkeypatch.setenv("WORLDMODEL_DATA", str(folder))
    for name in ("omniglot_stroke3", "kanjivg_rdp100"):
        write_prepared(folder, name)
    write_timed(folder)
    write_touches(folder)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("system", SYSTEMS)
def test_a_system_is_trained_measured_and_draws(stage, data, tmp_path, system):
    if system == "writing":
        pytest.importorskip("HersheyFonts")
    made = stage("train_sequence", f"system={system}", *FIT, *SYSTEMS[system])
    assert made.code == 0, made.err
    folder = tmp_path / "runs" / system / "seed0" / "train_sequence"
    figures = json.loads((folder / "DONE").read_text())["figures"]
    assert np.isfinite([figures[name] for name in ("nats", "valid_nats", "markov_floor")]).all()
    again = stage("train_sequence", f"system={system}", *FIT, *SYSTEMS[system])
    assert "done already" in again.out

    options, names = DRAWN[system]
    drawn = stage("draw", f"system={system}", *options)
    assert drawn.code == 0, drawn.err
    to = folder.parent / "draw"
    assert {path.name for path in to.iterdir()} == names
    for path in to.glob("*.svg"):
        ElementTree.parse(path)
    bytes_ = {path.name: path.read_bytes() for path in to.iterdir()}
    assert stage("draw", f"system={system}", *options, "to=again").code == 0
    assert {path.name: path.read_bytes() for path in (tmp_path / "again").iterdir()} == bytes_


@pytest.mark.slow
@pytest.mark.parametrize("system", ["sketch", "writing", "robojam"])
def test_a_killed_training_goes_on_bitwise(stage, data, tmp_path, monkeypatch, system):
    if system == "writing":
        pytest.importorskip("HersheyFonts")
    call = ["train_sequence", f"system={system}", *FIT, *SYSTEMS[system]]
    assert stage(*call, "name=whole").code == 0
    save = fitting._Training.save

    def save_and_die(self, name):
        save(self, name)
        if name == "last" and self.step == 3:
            raise KeyboardInterrupt

    monkeypatch.setattr(fitting._Training, "save", save_and_die)
    assert stage(*call, "name=killed").code == 130
    monkeypatch.setattr(fitting._Training, "save", save)
    assert stage(*call, "name=killed").code == 0
    whole, killed = (
        load(tmp_path / "runs" / name / "seed0" / "train_sequence" / "checkpoints" / "last.pt")
        for name in ("whole", "killed")
    )
    assert whole["step"] == killed["step"] == 6
    for name, weight in whole["weights"].items():
        assert torch.equal(weight, killed["weights"][name]), name


@pytest.fixture
def trained(stage, data, tmp_path, tmp_path_factory):
    """trained(system): a copy of a finished tiny run of it."""
    kept = tmp_path_factory.getbasetemp() / "trained"

    def train(system):
        if not (kept / system).exists():
            made = stage("train_sequence", f"system={system}", *FIT, *SYSTEMS[system])
            assert made.code == 0, made.err
            shutil.copytree(tmp_path / "runs" / system, kept / system)
        else:
            shutil.copytree(kept / system, tmp_path / "runs" / system)

    return train


@pytest.mark.slow
def test_an_exported_model_draws_what_the_run_draws_but_for_rounding(stage, trained, tmp_path):
    trained("handwriting")
    assert stage("export", "name=handwriting", "export.to=small").code == 0
    files = [path for path in (tmp_path / "runs" / "small").rglob("*") if path.is_file()]
    assert {path.name for path in files} == {"best.safetensors", "DONE", "examples.npz"}
    assert stage("draw", "system=handwriting", "run=small", "bias=5.0", "to=a").code == 0
    assert stage("draw", "system=handwriting", "bias=5.0", "to=b").code == 0
    one, other = (cv2.imread(str(tmp_path / name / "go_on.png")) for name in "ab")
    assert (np.abs(one.astype(int) - other) > 60).mean() < 0.01


@pytest.mark.slow
def test_a_drawing_of_ones_own_is_gone_on_with(stage, trained, tmp_path):
    trained("handwriting")
    own = tmp_path / "own.json"
    own.write_text(json.dumps([[[0, 0], [300, 10], [300, 200]], [[50, 50], [100, 120]]]))
    assert stage("draw", "system=handwriting", f"begun={own}", "columns=3").code == 0
    for text, said in (
        ("[]", "less than two points"),
        ("[[[1, 2]]]", "less than two points"),
        ("[[[1, 2, 3], [1, 2, 3]]]", "it has to be a list of strokes"),
        ("{", "is no drawing"),
    ):
        own.write_text(text)
        bad = stage("draw", "system=handwriting", f"begun={own}")
        assert bad.code == 1
        assert said in bad.err
        assert len(bad.err.splitlines()) == 1
    bad = stage("draw", "system=handwriting", "begun=none.json")
    assert (bad.code, "can't be read" in bad.err) == (1, True)


@pytest.mark.slow
def test_what_cant_be_drawn_is_said(stage, trained, tmp_path):
    pytest.importorskip("HersheyFonts")
    trained("writing")
    for options, said in (
        (["text=h\u00e9llo"], "has '\u00e9'"),
        (["text="], "is empty"),
        (["text=it's, {so} [far]=1"], 'has "\',1=[]{}"'),
        (["style=99"], "style=99: use 0 to"),
        (["run=nobody"], "is not finished"),
        (["temperature=1.0"], "give temperature or bias"),
        (["bias=-1.0"], "bias is -1.0"),
    ):
        bad = stage("draw", "system=writing", *options)
        assert bad.code == 1, options
        assert said in bad.err, bad.err
        assert len(bad.err.splitlines()) == 1
    (tmp_path / "file").write_text("in the way")
    bad = stage("draw", "system=writing", "text=hello", "to=file")
    assert bad.code == 1
    assert "Could not write file/" in bad.err
    assert (tmp_path / "file").read_text() == "in the way"
    other = stage("draw", "system=kanji", "run=writing")
    assert other.code == 1
    assert "is a model of kind writing, not pen" in other.err


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["system=kanji", "temperature=-1.0"], "temperature is -1.0"),
        (["system=sketch", "temperatures=[0.1,-1]"], "temperature is -1"),
        (["system=kanji", "count=0"], "count is 0"),
        (["system=kanji", "to=5"], "to is 5: it must be text"),
        (["system=kanji", "run=null"], "run and runs are names"),
        (["system=kanji", "seed=-1"], "seed is -1"),
        (["system=robojam", "seconds=0.0"], "seconds 0.0"),
    ],
)
def test_bad_values_are_said_before_anything_is_drawn(stage, data, options, said):
    bad = stage("draw", *options)
    assert bad.code == 1
    assert said in bad.err
    assert len(bad.err.splitlines()) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["system=writing", "system.bias=-1.0"], "bias is -1.0"),
        (["system=writing", "system.samples=-1"], "system.samples is -1"),
        (["system=robojam", "system.examples=-1"], "system.examples is -1"),
        (["system=kanji", "system.network.pen=up"], "network.pen is up"),
        (["system=kanji", "system.network.log_sigma_min=4.0"], "log_sigma_min is 4.0"),
        (["system=sketch", "strokes=quickdraw"], "strokes.path"),
    ],
)
def test_bad_values_are_said_before_anything_is_trained(stage, data, options, said):
    bad = stage("train_sequence", *options)
    assert bad.code == 1
    assert said in bad.err
    assert len(bad.err.splitlines()) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"rows": np.zeros(7)},
        {"rows": np.array([["a", "b", "c"]])},
        {"rows": np.full((7, 3), np.nan)},
        {"rows": np.zeros((7, 2))},
        {"rows": np.full((7, 3), -7.0)},
        {"lengths": np.array([3.5, 3.5])},
        {"lengths": np.array([3, 9])},
        {"lengths": np.zeros(0, int), "rows": np.zeros((0, 3))},
    ],
)
def test_damaged_examples_are_named(stage, data, trained, tmp_path, change):
    trained("handwriting")
    path = tmp_path / "runs" / "handwriting" / "seed0" / "train_sequence" / "examples.npz"
    whole = {"rows": np.zeros((7, 3)), "lengths": np.array([7])}
    np.savez(path, **whole | change)
    bad = stage("draw", "system=handwriting")
    assert bad.code == 1
    assert "examples.npz holds no" in bad.err
    path.unlink()
    bad = stage("draw", "system=handwriting")
    assert (bad.code, "has no examples" in bad.err) == (1, True)


def test_a_model_of_another_version_is_refused(stage, trained, tmp_path):
    trained("handwriting")
    path = tmp_path / "runs/handwriting/seed0/train_sequence/checkpoints/best.pt"
    saved = torch.load(path, weights_only=True)
    saved["about"]["wings"] = 2
    torch.save(saved, path)
    bad = stage("draw", "system=handwriting")
    assert bad.code == 1
    assert "describes no model of this version" in bad.err


def test_a_style_is_one_of_the_examples(stage, trained, tmp_path):
    pytest.importorskip("HersheyFonts")
    trained("writing")
    assert stage("draw", "system=writing", "text=hello", "style=0").code == 0


def test_writing_needs_texts(stage, data):
    bad = stage("train_sequence", "system=writing", "strokes=omniglot", *FIT, *PEN)
    assert bad.code == 1
    assert "Writing needs lines with their text" in bad.err


def test_missing_data_are_said_in_one_sentence(stage, tmp_path, monkeypatch):
    monkeypatch.setenv("WORLDMODEL_DATA", str(tmp_path / "empty"))
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    bad = stage("train_sequence", "system=handwriting", *FIT, *PEN)
    assert bad.code == 1
    assert "could not be fetched" in bad.err
    assert len(bad.err.splitlines()) == 1


@pytest.mark.slow
def test_a_set_of_ones_own_takes_one_yaml_and_a_loader(stage, tmp_path, monkeypatch):
    (tmp_path / "spirals.py").write_text(
        "import dataclasses\n"
        "import numpy as np\n"
        "from worldmodel.data.sequences import concat\n"
        "from worldmodel.pen.strokes import to_steps\n\n\n"
        "@dataclasses.dataclass(frozen=True)\n"
        "class Spirals:\n"
        "    quantum: float\n"
        "    count: int\n\n"
        "    def load(self):\n"
        "        t = np.linspace(0, 9, 12)\n"
        "        turns = [np.stack([t * np.cos(t + i), t * np.sin(t + i)], 1)"
        " for i in range(self.count)]\n"
        "        split = [i % 3 for i in range(self.count)]\n"
        "        return concat([to_steps([turn]) for turn in turns], split)\n"
    )
    own = tmp_path / "own" / "strokes"
    own.mkdir(parents=True)
    (own / "spirals.yaml").write_text("_target_: spirals.Spirals\nquantum: 0.01\ncount: 30\n")
    call = ["system=handwriting", "strokes=spirals", "--config-dir", str(tmp_path / "own")]
    made = stage("train_sequence", *call, *FIT, *PEN)
    assert made.code == 0, made.err
    figures = json.loads(
        (tmp_path / "runs" / "handwriting" / "seed0" / "train_sequence" / "DONE").read_text()
    )["figures"]
    assert figures["quantum"] == 0.01


SHIPPED_SYSTEMS = sorted(path.parents[1].name for path in SHIPPED.glob("*/seed*/train_sequence"))


@pytest.mark.parametrize("system", SHIPPED_SYSTEMS)
def test_a_shipped_model_draws_without_data(stage, tmp_path, monkeypatch, system):
    monkeypatch.setenv("WORLDMODEL_DATA", str(tmp_path / "none"))
    options, names = DRAWN[system]
    for run in (system, f"pretrained/{system}"):
        drawn = stage("draw", f"system={system}", f"run={run}", *options)
        assert drawn.code == 0, drawn.err
        to = tmp_path / "runs" / "pretrained" / system / "draw"
        assert {path.name for path in to.iterdir()} == names
    folder = next((SHIPPED / system).glob("seed*/train_sequence"))
    assert sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) < 5e6
    assert "Licence" in (SHIPPED / system / "README.md").read_text()
