"""Data sets, on small files in the forms in which they are published."""

import json
import zipfile

import numpy as np
import pytest
from drawings import shapes, write_prepared

from worldmodel.data import download
from worldmodel.data.download import data_folder
from worldmodel.pen import omniglot
from worldmodel.pen.iam import IamOnDb
from worldmodel.pen.kanjivg import KanjiVG, _convert, convert, read_strokes, trace
from worldmodel.pen.omniglot import Omniglot, timed
from worldmodel.pen.quickdraw import QuickDraw
from worldmodel.pen.strokes import END, to_strokes
from worldmodel.types import UserError


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLDMODEL_DATA", str(tmp_path))
    return tmp_path


def published(name):
    """A prepared data set, where the user has it."""
    path = data_folder() / f"{name}.npz"
    if not path.exists():
        pytest.skip(f"{path} is not there: set WORLDMODEL_DATA to the folder that has it")
    return dict(np.load(path))


def objects(items):
    array = np.empty(len(items), object)
    array[:] = items
    return array


# ---- Omniglot ----------------------------------------------------------------------------------


def test_omniglot_is_converted_from_what_is_published(folder, monkeypatch):
    """Its drawings begin with a row of zeros, and the last of them is a copy of one to train."""
    stored = [np.concatenate([np.zeros((1, 3)), each]) for each in shapes(7)]
    for each in stored:
        each[:, 2] = np.minimum(each[:, 2], 1)
    path = folder / "original.npz"
    parts = {"train": stored[:4], "valid": stored[4:5], "test": [*stored[5:], stored[0]]}
    np.savez(path, **{name: objects(each) for name, each in parts.items()})
    monkeypatch.setattr(omniglot, "fetch", lambda source: path)
    sequences = Omniglot(1.0).load()
    assert [len(sequences.of(name)) for name in ("train", "valid", "test")] == [4, 1, 2]
    assert np.array_equal(sequences[0], shapes(7)[0])
    assert (sequences.rows[sequences.offsets[1:] - 1, 2] == END).all()
    again = Omniglot(1.0).load()  # from the file that was made
    assert np.array_equal(again.rows, sequences.rows)


def test_timed_drawings_are_read_from_the_zip_files(folder, monkeypatch):
    text = "START\n10.0,-20.0,5000\n11.0,-21.0,5013\nBREAK\n30.0,-40.0,5100\nBREAK\n"
    paths = []
    for i, names in enumerate(
        (["Latin/character01/0683_07", "Greek/character02/0394_17"], ["Latin/character01/0683_07"])
    ):
        paths.append(folder / f"small{i}.zip")
        with zipfile.ZipFile(paths[-1], "w") as archive:
            for name in names:
                archive.writestr(f"strokes/{name}.txt", text)
                archive.writestr(f"__MACOSX/strokes/{name}.txt", "junk")
    found = dict(zip(omniglot.TIMED, paths, strict=True))
    monkeypatch.setattr(omniglot, "fetch", lambda source: found[source])
    arrays = timed()
    assert arrays["alphabet_names"].tolist() == ["Greek", "Latin"]
    assert arrays["drawing_offsets"].tolist() == [0, 2, 4]  # the drawing in both files once
    assert arrays["stroke_offsets"].tolist() == [0, 2, 3, 5, 6]
    assert arrays["t_ms"].tolist() == [0, 13, 100] * 2
    latin = arrays["alphabet"].tolist().index(1)
    assert (arrays["character"][latin], arrays["drawer"][latin], arrays["split"][latin]) == (
        1,
        7,
        0,
    )
    assert arrays["split"][1 - latin] == 2


def test_published_omniglot_is_as_it_was_counted():
    published("omniglot_stroke3")
    sequences = Omniglot(6.0).load()
    assert [len(sequences.of(name)) for name in ("train", "valid", "test")] == [30000, 1000, 1000]
    assert len(sequences.rows_of("test")) == 30144
    assert sequences.rows_of("train")[:, :2].std() == pytest.approx(54.3106, abs=1e-3)


# ---- KanjiVG -----------------------------------------------------------------------------------


def test_a_path_is_traced():
    """A cubic along a line, a relative one, and one whose control point mirrors the last."""
    points = trace("M10,10C10,20,10,30,10,40c0.5-1,1.5-1,2,0S14,41,14,40")
    assert points[0].tolist() == [10, 10]
    assert points[16].tolist() == [10, 40]
    assert points[32].tolist() == pytest.approx([12, 40])
    assert points[-1].tolist() == [14, 40]
    assert points[:17, 0].tolist() == pytest.approx([10] * 17)
    # The middle of the last cubic: its control points are (12.5, 41), mirrored, and (14, 41).
    assert points[40, 1] == pytest.approx((40 + 3 * 41 + 3 * 41 + 40) / 8)


def test_a_character_is_converted_and_drawn_again(tmp_path):
    path = tmp_path / "04e00.svg"
    path.write_text(
        '<svg xmlns="http://www.w3.org/2000/svg"><g>'
        '<path d="M11,54.25C30,54.25,80,54.25,99,54.25"/>'
        '<path d="M50,10c0,20,0,60,0,80"/></g></svg>'
    )
    steps = convert(read_strokes(path))
    assert steps.tolist() == [[8800, 0, 1], [-4900, -4425, 0], [0, 8000, 1]]
    drawn = to_strokes(steps.astype(np.float32))
    assert [len(stroke) for stroke in drawn] == [2, 2]
    (tmp_path / "torn.svg").write_text("<svg><path d='M1,1'")
    with pytest.raises(UserError, match=r"torn\.svg is no SVG"):
        read_strokes(tmp_path / "torn.svg")


@pytest.mark.slow
def test_the_package_gives_what_is_prepared():
    pytest.importorskip("kanji", reason="the package kanjivg is not installed")
    known = published("kanjivg_rdp100")
    made = _convert()
    assert np.array_equal(made["codepoint"], known["codepoint"])
    assert np.array_equal(made["split"], known["split"])
    assert len(made["steps"]) == pytest.approx(len(known["steps"]), rel=1e-4)
    same = 0
    for i in range(len(known["split"])):
        one, other = (each["steps"][each["offsets"][i] : each["offsets"][i + 1]]
                      for each in (made, known))  # fmt: skip
        same += np.array_equal(one, other)
    assert same > 0.9 * len(known["split"])


def test_kanji_are_in_their_own_units(folder):
    write_prepared(folder, "kanjivg_rdp100")
    with np.load(folder / "kanjivg_rdp100.npz") as file:
        arrays = dict(file)
    np.savez(folder / "kanjivg_rdp100.npz", unit=np.array(0.01), **arrays)
    first = KanjiVG(0.01).load()[0]
    assert first[:, :2] == pytest.approx(arrays["steps"][: len(first), :2] * 0.01)


# ---- QuickDraw ---------------------------------------------------------------------------------

CAT = {"word": "cat", "drawing": [[[0, 100, 100], [0, 0, 50]], [[20, 40], [60, 60]]]}


def test_ndjson_is_read(tmp_path):
    path = tmp_path / "cat.ndjson"
    path.write_text("\n".join([json.dumps(CAT)] * 40) + "\n")
    sequences = QuickDraw(str(path), 1.0).load()
    assert [len(sequences.of(name)) for name in ("train", "valid", "test")] == [32, 4, 4]
    assert sequences[0].tolist() == [[100, 0, 0], [0, 50, 1], [-80, 10, 0], [20, 0, END]]


@pytest.mark.parametrize(
    "line",
    [
        json.dumps(CAT)[:30],
        "{}",
        json.dumps({"drawing": []}),
        json.dumps({"drawing": [[[], []]]}),
        json.dumps({"drawing": [[["a"], ["b"]]]}),
        json.dumps({"drawing": [[[1, 2], [1]]]}),
        json.dumps({"drawing": [[[1, 2]]]}),
        '{"drawing": [[[1, NaN], [1, 2]]]}',
        "[" * 100_000,
        "\ufffd\x00",
    ],
)
def test_a_bad_line_is_named(tmp_path, line):
    path = tmp_path / "cat.ndjson"
    path.write_text(json.dumps(CAT) + "\n" + line + "\n")
    with pytest.raises(UserError, match="line 2 is no drawing"):
        QuickDraw(str(path), 1.0).load()


def test_npz_of_sketch_rnn_is_read(tmp_path):
    stored = [each.astype(np.int16) for each in shapes(6)]
    for each in stored:
        each[:, 2] = np.minimum(each[:, 2], 1)
    np.savez(
        tmp_path / "cat.npz",
        train=objects(stored[:4]), valid=objects(stored[4:5]), test=objects(stored[5:]),
    )  # fmt: skip
    sequences = QuickDraw(str(tmp_path / "cat.npz"), 1.0).load()
    assert len(sequences) == 6
    assert np.array_equal(sequences[5], shapes(6)[5])


def test_other_files_are_no_quickdraw(tmp_path):
    for name, said in (("cat.bin", "neither"), ("cat.ndjson", "no such file")):
        with pytest.raises(UserError, match=said):
            QuickDraw(str(tmp_path / name), 1.0).load()


# ---- IAM-OnDB ----------------------------------------------------------------------------------


def write_iam(root, texts=12):
    for i in range(texts):
        form = f"a{i:02d}-000"
        lines, words = (root / part / f"a{i:02d}" / form for part in ("lineStrokes", "ascii"))
        lines.mkdir(parents=True)
        words.mkdir(parents=True)
        words.joinpath(f"{form}u.txt").write_text(f"OCR:\n\nread\n\nCSR:\n\nA line {i}\nof two\n")
        for number in (1, 2):
            points = "".join(f'<Point x="{k * 10}" y="{k}" time="{k}"/>' for k in range(4))
            lines.joinpath(f"{form}u-{number:02d}.xml").write_text(
                "<?xml version='1.0'?><WhiteboardCaptureSession><StrokeSet>"
                f"<Stroke>{points}</Stroke><Stroke>{points}</Stroke>"
                "</StrokeSet></WhiteboardCaptureSession>"
            )


def test_iam_lines_come_with_their_text(tmp_path):
    write_iam(tmp_path)
    sequences = IamOnDb(str(tmp_path), 0.0, 1.0).load()
    assert len(sequences) == 24
    assert sequences.labels["text"][:3].tolist() == ["A line 0", "of two", "A line 1"]
    assert sequences[0][:4].tolist() == [[10, 1, 0], [10, 1, 0], [10, 1, 1], [-30, -3, 0]]
    assert [len(sequences.of(name)) for name in ("valid", "test")] == [2, 2]
    straight = IamOnDb(str(tmp_path), 0.5, 1.0).load()
    assert len(straight[0]) == 3


def test_what_iam_lacks_is_named(tmp_path, capsys):
    with pytest.raises(UserError, match="has no XML files"):
        IamOnDb(str(tmp_path), 0.0, 1.0).load()
    write_iam(tmp_path, 1)
    text = tmp_path / "ascii" / "a00" / "a00-000" / "a00-000u.txt"
    whole = text.read_text()
    text.write_text(whole.replace("of two\n", ""))
    (tmp_path / "lineStrokes" / "a00" / "a00-000" / "notes.xml").write_text("<a/>")
    (text.parent / "notes.txt").write_text("CSR:\n\nnothing\n")
    assert len(IamOnDb(str(tmp_path), 0.0, 1.0).load()) == 1
    assert "2 lines of 3 have no text" in capsys.readouterr().out
    text.write_text(whole.replace("A line 0\nof two", "A line 0%%%%%%%%%%%of two"))
    assert IamOnDb(str(tmp_path), 0.0, 1.0).load().labels["text"].tolist() == ["A line 0", "of two"]
    text.unlink()
    with pytest.raises(UserError, match="is missing"):
        IamOnDb(str(tmp_path), 0.0, 1.0).load()
    text.write_text(whole)
    line = tmp_path / "lineStrokes" / "a00" / "a00-000" / "a00-000u-01.xml"
    line.write_text(line.read_text()[:80])
    with pytest.raises(UserError, match="is no line of IAM-OnDB"):
        IamOnDb(str(tmp_path), 0.0, 1.0).load()


def test_a_prepared_file_of_something_else_is_refused(folder):
    np.savez(folder / "omniglot_stroke3.npz", other=np.zeros(3))
    with pytest.raises(UserError, match="lacks"):
        Omniglot(1.0).load()
    assert download.data_folder() == folder
