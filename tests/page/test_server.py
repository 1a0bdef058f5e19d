import http.client
import json
import re
import signal
import socket
import sys
import threading

import numpy as np
import pytest
from page_engines import STARTS, Shades, Z, engine

from worldmodel.page import server as server_module
from worldmodel.page.server import PageServer
from worldmodel.page.visit import BUSY, FAULT, LARGEST_MESSAGE, NO_ENGINE
from worldmodel.types import UserError

pytest.importorskip("websockets")
from page_servers import Served, ask, serving, unpack
from websockets.exceptions import ConnectionClosed


@pytest.fixture(scope="module")
def served():
    with serving() as one:
        yield one


def test_a_dream_over_the_wire_is_that_of_the_engine(served):
    page = engine()
    begin = {"type": "begin", "start": 1, "seed": 7}
    step = {"type": "step", "pins": {"1": 0.5}, "watch": 2}
    with served.connect() as ws:
        for number, message in enumerate((begin, step, {"type": "starts"},
                                          {"type": "follow", "at": 2})):  # fmt: skip
            answer, wanted = ask(ws, number, **message), page.answer(message)
            assert answer.pop("id") == number
            assert answer.keys() == wanted.keys()
            for name, value in wanted.items():
                if isinstance(value, np.ndarray):
                    np.testing.assert_array_equal(answer[name], value.reshape(-1, 64, 64, 4))
                else:
                    assert answer[name] == value
        real = ask(ws, type="real", seed=3)
        np.testing.assert_array_equal(real["frame"][0, ..., :3], Shades().reset(seed=3)[0])
        assert real["reconstruction"].shape == real["frame"].shape == (1, 64, 64, 4)


def test_every_visitor_has_an_engine_of_its_own(served):
    with served.connect() as one, served.connect() as other:
        ask(one, type="begin", start=0, seed=1)
        assert "begin first" in ask(other, type="step")["error"]
        assert ask(one, type="step")["step"] == 1


@pytest.mark.parametrize(
    "text",
    ["", "no JSON", "[" * 50_000, "[]", "3", "null", '{"type":"open"}', '{"id":1.5,"type":"open"}',
     '{"id":-1,"type":"open"}', '{"id":true,"type":"open"}', '{"id":"1","type":"open"}',
     '{"id":' + "9" * 5000 + "}", b"{}"],
)  # fmt: skip
def test_what_has_no_id_is_answered_without_one(served, text):
    with served.connect() as ws:
        ws.send(text)
        answer = unpack(ws.recv(timeout=20))
        assert (list(answer), answer["id"]) == (["id", "error"], None)
        assert ask(ws, 4, type="open")["id"] == 4


@pytest.mark.parametrize(
    "wrong",
    ['"type":"close"', '"type":"open","path":"/etc/passwd"', f'"type":"begin","start":{STARTS}',
     '"type":"begin","start":-1', f'"type":"step","watch":{Z}', '"type":"step","temperature":NaN',
     '"type":"step","mix":Infinity', '"type":"step","mix":1e999',
     '"type":"step","action":[1e999,0]',
     '"type":"step","pins":{"0":-Infinity}', '"type":"begin","start":0,"seed":-1',
     '"type":"\\ud800"', '"type":"step","mix":' + "9" * 400],
)  # fmt: skip
def test_a_bad_message_is_answered_by_a_sentence(served, wrong):
    with served.connect() as ws:
        assert ask(ws, type="begin", start=0, seed=1)["step"] == 0
        ws.send('{"id":9,' + wrong + "}")
        answer = unpack(ws.recv(timeout=20))
        assert (list(answer), answer["id"]) == (["id", "error"], 9)
        assert re.fullmatch(r"[A-Z\w].{5,200}\.", answer["error"])
        assert ask(ws, type="step")["step"] == 1


def test_a_message_that_is_too_long_ends_the_visit(served):
    with served.connect() as ws:
        padding = " " * (LARGEST_MESSAGE - 30)
        ws.send('{"id":1,"type":"open"' + padding + "}")
        assert unpack(ws.recv(timeout=20))["id"] == 1
        ws.send('{"id":1,"type":"open"' + " " * LARGEST_MESSAGE + "}")
        with pytest.raises(ConnectionClosed) as closed:
            ws.recv(timeout=20)
        assert closed.value.rcvd.code == 1009
    with served.connect() as ws:
        assert ask(ws, type="open")["id"] == 1


def test_a_fault_in_an_engine_ends_nothing():
    with serving() as served, served.connect(f"token={served.token}&agent=1") as ws:
        for number in range(2):
            assert ask(ws, number, type="step") == {"id": number, "error": FAULT}
        assert ask(ws, 2, type="nan") == {"id": 2, "error": FAULT}
        assert ask(ws, 3, type="open") == {"id": 3, "about": {}}
        with served.connect() as other:
            assert ask(other, type="begin", start=0, seed=0)["step"] == 0
        assert "Broken: no such luck" in served.said[0]
        assert "page_servers.py" in served.said[0]
        assert [said.startswith("The page's engine failed: ") for said in served.said] == [True] * 3


def test_an_agent_that_can_not_be_loaded_is_told_of():
    with serving(visitors=1) as served:
        for _ in range(2):  # and its place is free again
            with served.connect(f"token={served.token}&agent=2") as ws:
                with pytest.raises(ConnectionClosed) as closed:
                    ws.recv(timeout=20)
                assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1011, NO_ENGINE)
        assert served.said == ["The page's agent can't be loaded: There is no such file."] * 2


def test_visitors_are_not_more_than_there_are_places(monkeypatch):
    monkeypatch.setattr(server_module, "PATIENCE", 0.0)
    with serving(visitors=1) as served:
        with served.connect() as first:
            assert ask(first, type="open")["id"] == 1
            with served.connect() as second, pytest.raises(ConnectionClosed) as closed:
                second.recv(timeout=20)
            assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1013, BUSY)
            assert ask(first, type="open")["id"] == 1
        monkeypatch.setattr(server_module, "PATIENCE", 20.0)  # until the first has gone
        with served.connect() as third:
            assert ask(third, type="open")["id"] == 1


def test_connections_are_not_more_than_a_few(monkeypatch):
    monkeypatch.setattr(server_module, "CONNECTIONS", 1)
    with serving() as served, served.connect() as ws:
        with pytest.raises((http.client.BadStatusLine, ConnectionError)):
            served.get("/app.js")
        assert ask(ws, type="open")["id"] == 1


def test_closing_frees_the_environments_and_ends_all_threads():
    with serving() as served:
        assert served.get("/app.js")[0] == 200
        with served.connect() as ws, served.connect():
            ask(ws, type="real", seed=0)
            served.server.close()
            with pytest.raises(ConnectionClosed) as closed:
                ws.recv(timeout=20)
            assert closed.value.rcvd.code == 1001
        assert sorted(env.closed for env in served.envs) == [False, True]  # one was not made
        served.server.close()
        served.server.wait()
        assert served.left() == []
        with pytest.raises(ConnectionRefusedError):
            served.get("/")


def test_closing_does_not_wait_for_those_who_do_nothing(monkeypatch):
    monkeypatch.setattr(server_module, "GRACE", 0.1)
    with serving() as served, socket.create_connection((served.host, served.port)) as silent:
        with served.connect() as deaf:
            ask(deaf, type="begin", start=0, seed=0)
            deaf.recv_flow_control.acquire()  # it takes no more of what is sent
            asked = {"type": "futures", "actions": [[0, 0]] * 8, "draws": 8, "steps": 32}
            for number in range(2):
                deaf.send(json.dumps({"id": number, **asked}))
            served.server.close()
            assert silent.recv(1) == b""
            deaf.recv_flow_control.release()
        assert served.left() == []


def waits(frame):
    """Whether a frame, or one that called it, is that of PageServer.wait."""
    while frame is not None and frame.f_code is not PageServer.wait.__code__:
        frame = frame.f_back
    return frame is not None


def test_ctrl_c_ends_the_wait_and_the_server():
    with serving() as served, served.connect() as ws:
        ask(ws, type="open")
        main = threading.main_thread().ident

        def interrupt():
            while not waits(sys._current_frames()[main].f_back):
                pass
            signal.pthread_kill(main, signal.SIGINT)

        sender = threading.Thread(target=interrupt)
        with pytest.raises(KeyboardInterrupt):  # noqa: PT012
            sender.start()
            served.server.wait()
        sender.join()
        with pytest.raises(ConnectionClosed):
            ws.recv(timeout=20)
    assert served.left() == []


def test_a_taken_port_and_bad_numbers_are_refused_in_a_sentence(served):
    with pytest.raises(UserError, match=r"^Can't listen at 127.0.0.1, port \d+ .*another port"):
        Served(port=served.port)
    for wrong in ({"port": -1}, {"port": 1 << 16}, {"visitors": 0}):
        with pytest.raises(UserError, match=r"use (at least )?1"):
            Served(**wrong)


def test_without_websockets_it_is_said_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "websockets.sync.server", None)
    with pytest.raises(UserError, match=r"websockets: run pip install .*\[page\]"):
        Served()
