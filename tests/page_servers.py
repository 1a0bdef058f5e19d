"""A page's server, and a client of it."""

import http.client
import json
import struct
import threading
from contextlib import contextmanager
from urllib.parse import urlsplit

import numpy as np
import pytest
from page_engines import Shades, engine
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from worldmodel.page.server import serve
from worldmodel.types import UserError

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
        """Threads that were not there before; those of clients have a moment to end."""
        new = [thread for thread in threading.enumerate() if thread not in self.started]
        for thread in new:
            thread.join(10)
        return [thread for thread in new if thread.is_alive()]


@contextmanager
def serving(**settings):
    served = Served(**settings)
    try:
        yield served
    finally:
        served.server.close()


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
