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


class Raw:
    """A call of a name that arrays need, with arguments that they never have."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    "what",
    [
        Raw(np.ndarray, (1,), "O", b"A" * 8),  # memory taken for an object
        Raw(np.dtype, "O8"),
        Raw(np.empty(0).__reduce__()[0], np.ndarray, (1 << 40,), b"b"),
        [1, 2],
    ],
)
def test_no_memory_is_taken_for_an_object(tmp_path, what):
    write(tmp_path / "a.npz", pickle.dumps(what, 2))
    with pytest.raises(UserError, match=r"a\.npz can't be read"):
        read_object_arrays(tmp_path / "a.npz", ["train"], 3)


def test_objects_are_never_read_from_bytes(tmp_path):
    """A pickle of numbers whose type is said to be objects."""
    payload = pickle.dumps(np.full((1, 3), 0x41414141, np.int64), 2).replace(b"i8", b"O8")
    write(tmp_path / "a.npz", payload)
    with pytest.raises(UserError, match="array of type 'O8'"):
        read_object_arrays(tmp_path / "a.npz", ["train"], 3)


@pytest.mark.parametrize("dtype", [np.int16, ">i4", np.float64, np.uint8])
def test_numbers_of_any_type_and_order_are_read(tmp_path, dtype):
    items = ragged(4, 2)
    items[0] = np.asfortranarray(items[0].astype(dtype))
    np.savez(tmp_path / "a.npz", train=items)
    found = read_object_arrays(tmp_path / "a.npz", ["train"], 3)["train"]
    assert np.array_equal(found[0], items[0])


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
