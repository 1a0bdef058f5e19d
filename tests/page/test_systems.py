"""Sequence models beside a page's agents: what is packed of them, and what is refused."""

import json
import shutil
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from worldmodel.data.examples import load_examples
from worldmodel.page.pack import page, site_of, write_folder, write_single
from worldmodel.page.show import PageConfig, show
from worldmodel.page.systems import SECONDS, pack_system, pack_systems, system_files
from worldmodel.run import checkpoint
from worldmodel.run.safetensors_format import unpack
from worldmodel.types import UserError

RUNS = Path("runs")
SHIPPED = {"writing": "writing", "handwriting": "pen", "robojam": "touch"}


def shipped(name):
    return RUNS / "pretrained" / name / "seed0" / "train_sequence"


@pytest.fixture(scope="module")
def packed():
    return pack_systems(list(SHIPPED), ["car_racing"], RUNS, 0)


@pytest.mark.slow
def test_what_is_packed_is_the_model(packed, tmp_path):
    assert [each.about["kind"] for each in packed] == list(SHIPPED.values())
    for each in packed:
        path = tmp_path / "model.safetensors"
        path.write_bytes(each.model)
        saved = checkpoint.load(shipped(each.name) / "checkpoints" / "best.pt", ("weights",))
        read = unpack(path)["weights"]
        assert read.keys() == saved["weights"].keys()
        for name, weight in saved["weights"].items():
            torch.testing.assert_close(read[name], weight, rtol=0, atol=0)


def test_what_is_told_is_little(packed):
    for each in packed:
        told = json.loads(system_files(each)[f"{each.name}/about.json"])
        assert told["name"] == each.name
        assert len(json.dumps(told)) < 16_000
        assert len(each.model) < 2e6
    writing, handwriting, robojam = (each.about for each in packed)
    assert writing["characters"] == " abcdefghijklmnopqrstuvwxyz"
    items = [item for item in load_examples(shipped("handwriting")).items if len(item) > 4]
    assert len(handwriting["examples"][0]) == -(-len(items[0]) // 2)
    assert handwriting["steps"] == round(np.median([len(item) for item in items]))
    assert 300 < handwriting["extent"] < 500
    for call in robojam["examples"]:
        assert 0 < sum(dt for _, _, dt in call[1:]) <= SECONDS


def test_a_model_without_examples_has_a_size_all_the_same():
    about = pack_system("kanji", RUNS, 0).about
    assert about["examples"] == []
    assert 100 < about["extent"] < 200  # KanjiVG's are 109 wide


def test_a_site_lists_them(packed):
    site = site_of(["car_racing"], socket=None, files=".", systems=packed)
    told = page(site).split('id="site">')[1].split("</script>")[0]
    assert json.loads(told)["systems"] == [
        {"name": name, "kind": kind, "label": name} for name, kind in SHIPPED.items()
    ]
    assert site_of(["car_racing"], socket=None, files=".")["systems"] == []


def test_a_folder_and_a_single_file_hold_them(packed, tmp_path):
    write_folder([], tmp_path, packed)
    for each in packed:
        assert (tmp_path / each.name / "model.safetensors").read_bytes() == each.model
        assert json.loads((tmp_path / each.name / "about.json").read_text()) == each.about
    size = write_single([], tmp_path / "page.html", packed)
    html = (tmp_path / "page.html").read_text()
    assert len(html.encode()) == size
    assert [f'id="system-{at}"' in html for at in range(4)] == [True] * 3 + [False]
    assert html.count("</script>") == html.count("<script")


def test_an_exported_run_and_a_finished_one_are_found(tmp_path):
    for name in ("pretrained/mine", "other"):
        shutil.copytree(shipped("robojam"), tmp_path / name / "seed0" / "train_sequence")
    names = ["mine", "pretrained/mine", "other"]
    assert [pack_system(name, tmp_path, 0).name for name in names] == ["mine", "mine", "other"]
    assert pack_system("writing", tmp_path, 5).about["kind"] == "writing"


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (["nothing"], "nothing/seed0/train_sequence is not finished"),
        (["sketch"], "a model of kind sketch: a page shows writing, pen, touch"),
        (["writing", "pretrained/writing"], "are called writing"),
        (["writing", 3], "systems names sequence models"),
        ([None], "systems names sequence models"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(names, sentence):
    with pytest.raises(UserError, match=sentence) as caught:
        pack_systems(names, ["car_racing"], RUNS, 0)
    assert "\n" not in str(caught.value)


def test_a_name_is_of_one_thing_alone():
    with pytest.raises(UserError, match="are called robojam"):
        pack_systems(["robojam"], ["robojam"], RUNS, 0)


def test_a_broken_description_is_refused(tmp_path):
    folder = tmp_path / "x" / "seed0" / "train_sequence"
    shutil.copytree(shipped("writing"), folder)
    saved = checkpoint.load(folder / "checkpoints" / "best.pt")
    about = {key: value for key, value in saved["about"].items() if key != "characters"}
    path = folder / "checkpoints" / "best.safetensors"
    checkpoint.save_safetensors(path, saved | {"about": about})
    with pytest.raises(UserError, match="describes no model of this version"):
        pack_system("x", tmp_path, 0)


def test_the_command_writes_them(monkeypatch, tmp_path):
    written = SimpleNamespace(names=None)

    def fake(agents, out, systems):
        written.names = [each.name for each in systems]
        return len(agents)

    monkeypatch.setattr("worldmodel.page.show.write_folder", fake)
    config = PageConfig(str(tmp_path / "site"), False, False, "127.0.0.1", 0, 1)
    show(config, ["car_racing"], "runs", 0, [], ["writing", "robojam"])
    assert written.names == ["writing", "robojam"]
