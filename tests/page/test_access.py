import http.client
import socket

import pytest

from worldmodel.page.access import Access, Asked

pytest.importorskip("websockets")
from page_servers import CODE, PAGE, SITE, ask, serving


@pytest.fixture(scope="module")
def served():
    with serving() as one:
        yield one


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
