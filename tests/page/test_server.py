import http.client
import json
import re
import signal
import socket
import struct
import sys
import threading
from contextlib import contextmanager
from urllib.parse import urlsplit

import numpy as np
import pytest
from page_engines import STARTS, Shades, Z, engine

from worldmodel.page import server as server_module
from worldmodel.page.access import Access, Asked
from worldmodel.page.server import PageServer, serve
from worldmodel.page.visit import BUSY, FAULT, LARGEST_MESSAGE, NO_ENGINE
from worldmodel.types import UserError

pytest.importorskip("websockets")
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

PAGE, CODE = b"<!doctype html><script src=app.js></script>", b"let a"
SITE = {"/": (PAGE, "text/html; charset=utf-8"), "/app.js": (CODE, "text/javascript"),
        "/my agent.json": (b"{}", "application/json")}  # fmt: skip


class Broken(Exception):
    pass


class Faulty:
    """An engine that fails at every other message than `open`."""

    def answer(self, message):
        if message == {"type": "open"}:
            return {"about": {}}
        if message == {"type": "nan"}:
            return {"reward": float("nan")}
        raise Broken("no such luck")

    def close(self):
        pass


def no_engine():
    raise UserError("There is no such file.")


class Served:
    """A server, what it says, and the engines that it made."""

    def __init__(self, **settings):
        self.said, self.envs, self.started = [], [], set(threading.enumerate())
        engines = [self._whole, Faulty, no_engine]
        settings = {"host": "127.0.0.1", "port": 0, "visitors": 4, "say": self.said.append,
                    **settings}  # fmt: skip
        self.server = serve(engines, SITE, **settings)
        at = urlsplit(self.server.address)
        self.host, self.port = at.hostname, at.port
        self.token = at.query.removeprefix("token=")
        self.origin = f"http://{self.host}:{self.port}"

    def _whole(self):
        self.envs.append(Shades())
        return engine(make_env=lambda env=self.envs[-1]: env)

    def get(self, target, method="GET", **headers):
        """Status, headers and body of a request that is sent as it stands."""
        line = http.client.HTTPConnection(self.host, self.port, timeout=10)
        try:
            line.putrequest(method, target, skip_host="Host" in headers)
            for name, value in headers.items():
                line.putheader(name, value)
            line.endheaders()
            answer = line.getresponse()
            return answer.status, dict(answer.getheaders()), answer.read()
        finally:
            line.close()

    def connect(self, query=None, origin="own", **settings):
        query = f"token={self.token}&agent=0" if query is None else query
        origin = self.origin if origin == "own" else origin
        target = f"ws://{self.host}:{self.port}/socket?{query}"
        return connect(target, origin=origin, max_size=None, proxy=None, **settings)

    def refused(self, *given, **settings):
        """Status with which a websocket is not opened."""
        with pytest.raises(InvalidStatus) as error, self.connect(*given, **settings):
            pass
        return error.value.response.status_code

    def left(self):
        """Threads that were not there before."""
        return [thread for thread in threading.enumerate() if thread not in self.started]


@contextmanager
def serving(**settings):
    served = Served(**settings)
    try:
        yield served
    finally:
        served.server.close()


@pytest.fixture(scope="module")
def served():
    with serving() as one:
        yield one


def ask(ws, number=1, **message):
    """The answer, its frame fields as arrays (N, 64, 64, 4)."""
    ws.send(json.dumps({"id": number, **message}))
    return unpack(ws.recv(timeout=20))


def unpack(answer):
    (length,) = struct.unpack_from("<I", answer)
    plain, blocks = json.loads(answer[4 : 4 + length]), answer[4 + length :]
    for name, value in plain.items():
        if isinstance(value, dict) and "$" in value:
            at, size = value["$"]
            block = blocks[at : at + size]
            plain[name] = np.frombuffer(block, np.uint8).reshape(-1, 64, 64, 4)
    return plain


def test_the_page_needs_the_token_and_its_files_do_not(served):
    assert served.get(f"/?token={served.token}")[::2] == (200, PAGE)
    assert served.get("/app.js")[::2] == (200, CODE)
    for target in ("/", "/?token=", "/?token=x", f"/?token={served.token}x", "/?token=%ff%00",
                   f"/?token={served.token}&token={served.token}",
                   "/?" + "&".join(["token=x"] * 50)):  # fmt: skip
        assert served.get(target)[0] == 403


def test_every_answer_is_fenced_in(served):
    good, script, bad, wrong_host, no_socket = (
        served.get(f"/?token={served.token}")[1],
        served.get("/app.js")[1],
        served.get("/nothing")[1],
        served.get("/", Host="evil.example")[1],
        served.get(f"/socket?token={served.token}&agent=0", Origin=served.origin)[1],
    )
    assert good["Content-Type"] == "text/html; charset=utf-8"
    assert script["Content-Type"] == "text/javascript"
    for headers in (good, script, bad, wrong_host, no_socket):
        policy = headers["Content-Security-Policy"].split("; ")
        assert policy[:2] == ["default-src 'none'", "script-src 'self' 'wasm-unsafe-eval'"]
        assert "frame-ancestors 'none'" in policy
        port = served.port
        assert f"connect-src 'self' ws://127.0.0.1:{port} ws://localhost:{port}" in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Cross-Origin-Resource-Policy"] == "same-origin"
        assert "Server" not in headers


def test_another_host_is_refused(served):
    token = f"/?token={served.token}"
    for host in ("evil.example", f"evil.example:{served.port}", "127.0.0.1", "",
                 f"127.0.0.1:{served.port + 1}", f"localhost.evil:{served.port}"):  # fmt: skip
        assert served.get(token, Host=host)[0] == 421
        assert served.get("/app.js", Host=host)[0] == 421
    assert served.get(token, Host=f"localhost:{served.port}")[0] == 200
    foreign = {"additional_headers": {"Host": "evil.example"}}
    assert served.refused(**foreign) in (400, 421)  # the client sends its own Host as well


def test_only_known_paths_are_served(served):
    token = f"?token={served.token}"
    for path in ("/nothing", "/app.js/", "//app.js", "/./app.js", "/../app.js", "/app.js%00",
                 "/..%2f..%2fetc/passwd", "/../../etc/passwd", "/etc/passwd", "app.js", "/APP.JS",
                 "/worldmodel/page/server.py", "/socket/", "http://x/app.js"):  # fmt: skip
        own = {"Host": f"127.0.0.1:{served.port}"}
        assert served.get(path + token, **own)[0] == 404
    assert served.get("/my%20agent.json")[2] == b"{}"


def test_nothing_but_get_is_answered(served):
    for method in ("POST", "PUT", "DELETE", "HEAD", "OPTIONS"):
        status, headers, _ = served.get("/app.js", method)
        assert (status, headers["Allow"]) == (405, "GET")
    with pytest.raises(http.client.BadStatusLine):  # hung up on
        served.get("/app.js", "POST", **{"Content-Length": "5"})


def test_only_the_page_itself_opens_a_websocket(served):
    port = served.port
    for origin in (None, "null", "http://evil.example", f"http://evil.example:{port}",
                   f"http://127.0.0.1:{port + 1}", "http://127.0.0.1", f"https://127.0.0.1:{port}",
                   f"http://127.0.0.1:{port}.evil.example"):  # fmt: skip
        assert served.refused(origin=origin) == 403
    twice = {"additional_headers": {"Origin": "http://evil.example"}}
    assert served.refused(**twice) == 403
    with served.connect(origin=f"http://localhost:{port}") as ws:
        assert ask(ws, type="open")["about"]["engine"] == "server"


def test_a_websocket_needs_the_token(served):
    for query in ("agent=0", "token=&agent=0", "token=x&agent=0",
                  f"token={served.token[:-1]}&agent=0"):  # fmt: skip
        assert served.refused(query) == 403


def test_agents_are_named_by_index(served):
    for agent in ("3", "-1", "", "0.0", "00000", "../0", "car_racing", "0&agent=1", "%D9%A1"):
        assert served.refused(f"token={served.token}&agent={agent}") == 404
    assert served.refused(f"token={served.token}") == 404


def test_a_socket_path_without_a_websocket_is_told_so(served):
    target = f"/socket?token={served.token}&agent=0"
    assert served.get(target, Origin=served.origin)[0] == 426


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
        assert "test_server.py" in served.said[0]
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
        assert served.left() == [] or served.left() == [ws.recv_events_thread]
        with pytest.raises(ConnectionClosed):
            ws.recv(timeout=20)


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


def test_a_warning_is_said_where_others_may_come():
    with serving(host="0.0.0.0") as served:
        assert "unencrypted" in served.said[0]
        assert served.get(f"/?token={served.token}")[0] == 200
        own = socket.gethostname().lower()
        assert served.get(f"/?token={served.token}", Host=f"{own}:{served.port}")[0] == 200
        assert served.get("/app.js", Host="evil.example")[0] == 421
    with serving(host="localhost") as served:
        assert served.said == []


def test_tokens_are_long_and_not_repeated():
    tokens = {Access(SITE, 1, "127.0.0.1", 80).token for _ in range(50)}
    assert len(tokens) == 50
    assert min(map(len, tokens)) >= 43


def test_a_named_host_is_called_by_its_name():
    access = Access(SITE, 1, "192.168.1.5", 8000)
    assert access.address.startswith("http://192.168.1.5:8000/?token=")
    for host, refused in (("192.168.1.5:8000", False), ("localhost:8000", True)):
        reply = access.judge(Asked("GET", "/app.js", [host], []))
        assert (reply.status == 421) is refused
    sixth = Access(SITE, 1, "::1", 8000)
    assert sixth.address.startswith("http://[::1]:8000/")
    assert sixth.judge(Asked("GET", "/app.js", ["[::1]:8000"], [])).status == 200
