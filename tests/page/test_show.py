"""The command `worldmodel page`: what it writes, what it serves, how it ends."""

import contextlib
import http.client
import json
import os
import re
import signal
import subprocess
import sys
from urllib.parse import urlsplit

import psutil
import pytest
from tiny import ROOT

TINY = ("experiment=tiny", "env=cart_pole")
ADDRESS = re.compile(r"http://127\.0\.0\.1:\d+/\?token=\S+")
PATIENCE = 120  # seconds for what takes one or two


@pytest.fixture
def tiny(finished):
    """A finished run that was never exported, as a command names it."""
    return finished("train_controller", *TINY).parent


def complains(outcome, *words):
    assert outcome.code == 1, outcome.out + outcome.err
    assert len(outcome.err.strip().splitlines()) == 1, outcome.err
    assert outcome.err.startswith("error: ")
    for word in words:
        assert word in outcome.err


@pytest.mark.slow
def test_a_run_that_was_never_exported_is_written_as_a_folder(stage, tiny, tmp_path):
    page = ("page", f"agent={tiny}", "systems=[]", "page.out=site")
    outcome = stage(*page)
    assert outcome.code == 0, outcome.err
    recorded, written = outcome.out.strip().splitlines()
    assert recorded.startswith("recording real steps of ")
    assert re.fullmatch(r"site: \d\.\d MB; any static host serves it", written)
    assert {path.name for path in (tiny / "seed0" / "page").iterdir()} == {
        "starts.safetensors", "reel.safetensors"}  # fmt: skip
    assert {"index.html", "engine.bundle.js", "tiny"} <= {
        path.name for path in (tmp_path / "site").iterdir()}  # fmt: skip
    about = json.loads((tmp_path / "site" / "tiny" / "about.json").read_text())["about"]
    assert (about["name"], about["env"], about["starts"]) == ("tiny", "CartPole-v1", 32)
    assert about["reel"] > 0
    first = (tmp_path / "site" / "tiny" / "reel.safetensors").read_bytes()
    outcome = stage(*page)  # recorded once
    assert (outcome.code, len(outcome.out.strip().splitlines())) == (0, 1)
    assert (tmp_path / "site" / "tiny" / "reel.safetensors").read_bytes() == first


@pytest.mark.slow
def test_several_agents_in_one_file(stage, tiny, tmp_path):
    page = ("page", f"agent=[{tiny},car_racing]", "page.small=true", "systems=[]")
    outcome = stage(*page, "page.out=one/dream.html")
    assert outcome.code == 0, outcome.err
    assert outcome.out.strip().splitlines()[-1].endswith(" MB; open it in a browser")
    html = (tmp_path / "one" / "dream.html").read_text()
    told = json.loads(re.search(r'id="site">(.*?)</script>', html, re.S)[1])
    assert [agent["name"] for agent in told["agents"]] == ["tiny", "car_racing"]
    assert html.count('id="agent-') == 2
    assert 'id="agent-2"' not in html


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["agent=nobody"], ["nobody", "car_racing, take_cover"]),
        (["agent=[car_racing,nobody]"], ["nobody"]),
        (["agent=[]"], ["agent names an agent"]),
        (["agent=null"], ["agent names an agent"]),
        (["agent=3"], ["agent names an agent"]),
        (["agent={a:1}"], ["agent names an agent"]),
        (["page.port=99999"], ["page.port", "0 to 65535"]),
        (["page.port=-1"], ["page.port", "0 to 65535"]),
        (["page.port=http"], ["page.port", "whole number"]),
        (["page.visitors=0"], ["page.visitors", "at least 1"]),
        (["page.open=maybe"], ["page.open", "true or false"]),
        (["page.small=2"], ["page.small", "true or false"]),
        (["page.host=null"], ["page.host", "text"]),
        (["page.out=[a]"], ["page.out", "text"]),
        (["page.out="], ["page.out is empty"]),
        (["modules=3"], ["modules is 3"]),
        (["agent=[car_racing,car_racing]"], ["Several agents are called car_racing"]),
        (["page.colour=red"], ["colour"]),
    ],
)
def test_bad_values_are_refused_in_a_sentence(stage, given, words):
    complains(stage("page", "page.open=false", *given), *words)


@pytest.mark.slow
def test_what_can_not_be_written_or_had_is_told_in_a_sentence(stage, tmp_path):
    (tmp_path / "file").write_text("mine")
    page = ("page", "agent=car_racing", "systems=[]", "page.open=false")
    complains(stage(*page, "page.out=file"), "file", "Could not write")
    complains(stage(*page, "page.out=file/dream.html"), "file", "Could not write")
    assert (tmp_path / "file").read_text() == "mine"
    complains(stage(*page, "page.host=999.9.9.9"), "999.9.9.9", "Can't listen")


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_end(tmp_path, number):
    command = [sys.executable, "-m", "worldmodel", "page", "agent=car_racing", "systems=[]",
               "page.open=false"]  # fmt: skip
    served = subprocess.Popen(
        command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        env={**os.environ, "PYTHONPATH": str(ROOT)}, start_new_session=True,
    )  # fmt: skip
    try:
        address = served.stdout.readline().strip()
        assert ADDRESS.fullmatch(address)
        assert served.stdout.readline() == "Ctrl-C ends it.\n"
        assert get(address)[0] == 200
        status, body = get(address, "/car_racing/about.json")
        assert (status, json.loads(body)["about"]["name"]) == (200, "car_racing")
        assert get(address, "/")[0] == 403
        assert get(address, "/../pyproject.toml")[0] == 404
        children = psutil.Process(served.pid).children(recursive=True)
        served.send_signal(number)
        said, _ = served.communicate(timeout=PATIENCE)
        assert (served.returncode, said) == (0, "closed.\n")
        assert [child for child in children if child.is_running()] == []
        with pytest.raises(ConnectionRefusedError):
            get(address)
        assert list(tmp_path.iterdir()) == []
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(served.pid, signal.SIGKILL)
        served.wait()


def get(address, target=None):
    """Status and body of a file, by default of the address as it stands."""
    at = urlsplit(address)
    line = http.client.HTTPConnection(at.hostname, at.port, timeout=PATIENCE)
    try:
        line.request("GET", target or f"{at.path}?{at.query}")
        answer = line.getresponse()
        return answer.status, answer.read()
    finally:
        line.close()
