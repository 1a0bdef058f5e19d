"""Records of a file that a kill cut off."""

import os

import pytest

from worldmodel.run.jsonl import RecordFile, read_records


def test_records_come_back_in_order(tmp_path):
    path = tmp_path / "a.jsonl"
    assert read_records(path) == []
    with RecordFile(path, []) as file:
        file.append({"step": 1, "é": None})
        assert read_records(path) == [{"step": 1, "é": None}], "at once, not when it is closed"
        file.append({"step": 2})
    assert [record["step"] for record in read_records(path)] == [1, 2]


@pytest.mark.parametrize("left", ["", "\n", '{"step": 2, "los', '{"step": 2, "los\n'])
def test_a_line_that_was_cut_off_is_left_out(left, tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"step": 1}\n' + left)
    assert read_records(path) == [{"step": 1}]


def test_a_file_goes_on_from_what_is_kept(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"step": 1}\n{"step": 2}\n{"step": 3, "los')
    with RecordFile(path, [record for record in read_records(path) if record["step"] < 2]) as file:
        file.append({"step": 2, "loss": 0.5})
    assert path.read_text() == '{"step": 1}\n{"step": 2, "loss": 0.5}\n'
    assert os.listdir(tmp_path) == ["a.jsonl"]
