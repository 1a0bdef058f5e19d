import io
import pickle
import zipfile

import numpy as np
import pytest

from worldmodel.data.object_arrays import read_object_arrays
from worldmodel.types import UserError


def ragged(*lengths, dtype=np.int16):
    items = np.empty(len(lengths), object)
    for i, n in enumerate(lengths):
        items[i] = np.arange(3 * n, dtype=dtype).reshape(n, 3)
    return items


def write(path, payload, name="train"):
    """An npz file with one member of objects, whose pickle is `payload`."""
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|O", "fortran_order": False, "shape": (1,)}
    )
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{name}.npy", header.getvalue() + payload)


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_drawings_of_different_lengths_are_read(tmp_path, protocol):
    items = ragged(4, 1, 7)
    write(tmp_path / "a.npz", pickle.dumps(items, protocol))
    found = read_object_arrays(tmp_path / "a.npz", ["train"], 3)["train"]
    assert [len(item) for item in found] == [4, 1, 7]
    assert np.array_equal(found[2], items[2])


def test_what_numpy_writes_is_read(tmp_path):
    np.savez(tmp_path / "a.npz", train=ragged(2, 5), valid=ragged(3, 1), test=ragged(1, 2))
    found = read_object_arrays(tmp_path / "a.npz", ["train", "valid", "test"], 3)
    assert [len(item) for item in found["valid"]] == [3, 1]


def test_drawings_of_one_length_are_read(tmp_path):
    np.savez(tmp_path / "a.npz", train=np.ones((2, 4, 3)))
    assert len(read_object_arrays(tmp_path / "a.npz", ["train"], 3)["train"][0]) == 4


class Harmful:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (self.path, "w")


@pytest.mark.parametrize("what", [Harmful, lambda path: np.load, lambda path: io.BytesIO])
def test_a_pickle_that_names_anything_else_runs_nothing(tmp_path, what):
    trace = tmp_path / "trace"
    write(tmp_path / "a.npz", pickle.dumps([what(str(trace))], 2))
    with pytest.raises(UserError, match=r"a\.npz can't be read.*which no array needs"):
        read_object_arrays(tmp_path / "a.npz", ["train"], 3)
    assert not trace.exists()


def test_other_files_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", train=ragged(2, 5))
    with pytest.raises(UserError, match="lacks"):
        read_object_arrays(tmp_path / "a.npz", ["valid"], 3)
    with pytest.raises(UserError, match=r"not \(n, 4\) numbers"):
        read_object_arrays(tmp_path / "a.npz", ["train"], 4)
    whole = (tmp_path / "a.npz").read_bytes()
    (tmp_path / "b.npz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(UserError, match="can't be read"):
        read_object_arrays(tmp_path / "b.npz", ["train"], 3)
    with pytest.raises(UserError, match="no such file"):
        read_object_arrays(tmp_path / "c.npz", ["train"], 3)
