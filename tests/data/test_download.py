import hashlib

import numpy as np
import pytest

from worldmodel.data.download import Source, data_folder, fetch, prepared, read_arrays
from worldmodel.types import UserError

BYTES = b"some drawings"
SHA = hashlib.sha256(BYTES).hexdigest()


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLDMODEL_DATA", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


def source(sha=SHA, url="http://127.0.0.1:9/drawings.npz"):
    return Source(url, sha, "MIT", "Drawings by somebody")


def test_a_file_that_lies_there_needs_no_network(folder):
    (folder / "drawings.npz").write_bytes(BYTES)
    assert fetch(source()) == folder / "drawings.npz"


def test_other_bytes_are_refused_and_stay(folder):
    (folder / "drawings.npz").write_bytes(b"something else")
    with pytest.raises(UserError, match=r"drawings\.npz"):
        fetch(source())


def test_without_network_and_file_one_sentence_says_so(folder, capsys):
    with pytest.raises(UserError, match=r"could not be fetched.*WORLDMODEL_DATA"):
        fetch(source())
    assert "MIT: Drawings by somebody" in capsys.readouterr().out


def test_a_file_is_fetched_once_and_checked(folder, tmp_path, monkeypatch):
    """From a server on this machine."""
    import functools
    import http.server
    import threading

    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "drawings.npz").write_bytes(BYTES)
    handler = functools.partial(
        http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "site")
    )
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}/drawings.npz"
        assert fetch(source(url=url)).read_bytes() == BYTES
        (folder / "drawings.npz").unlink()
        with pytest.raises(UserError, match="not the file that was published"):
            fetch(source("0" * 64, url))
        server.shutdown()
    assert not (folder / "drawings.npz").exists()


def test_what_is_prepared_is_kept(folder):
    made = []

    def make():
        made.append(1)
        return {"steps": np.arange(6), "offsets": np.array([0, 2, 6])}

    first, again = (prepared("set", make, "steps", "offsets") for _ in range(2))
    assert made == [1]
    assert np.array_equal(first["steps"], again["steps"])


def test_a_prepared_file_that_lacks_something_is_named(folder):
    for arrays, said in (
        ({"steps": np.arange(6)}, "lacks offsets"),
        ({"steps": np.arange(6), "offsets": np.array([0, 9])}, "do not fit"),
    ):
        np.savez(folder / "set.npz", **arrays)
        with pytest.raises(UserError, match=rf"set\.npz.*{said}"):
            prepared("set", dict, "steps", "offsets")


def test_damaged_and_pickled_files_are_refused(folder):
    np.savez(folder / "objects.npz", steps=np.array([{}], object))
    with pytest.raises(UserError, match=r"objects\.npz"):
        read_arrays(folder / "objects.npz")
    (folder / "torn.npz").write_bytes(b"PK\x03\x04 and no more")
    with pytest.raises(UserError, match=r"torn\.npz"):
        read_arrays(folder / "torn.npz")
    with pytest.raises(UserError, match="no such file"):
        read_arrays(folder / "none.npz")


def test_the_cache_is_the_users(monkeypatch, tmp_path):
    monkeypatch.delenv("WORLDMODEL_DATA", raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert data_folder() == tmp_path / "worldmodel" / "data"
