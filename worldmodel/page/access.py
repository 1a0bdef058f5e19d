"""Who may see a page and talk to its engines: every request is judged here before it is answered.

The server is for one person at this machine, whose browser shows other people's pages too. A page
of theirs can send requests here; the `Host` and `Origin` of a request, which a browser does not let
a page choose, tell whose it is. Other programs and users of the machine can send anything, but do
not know the token, which is in the address that is opened.

The page itself (text/html) and the engines need the token. The other files do not, for the page
asks for them by their names alone: code, and what a worker needs of the agents. Programs and users
of this machine that know a name can read them; pages of other people can't.
"""

import hmac
import re
import secrets
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from http import HTTPStatus
from ipaddress import ip_address
from urllib.parse import parse_qs, unquote

SOCKET = "/socket"
LOOPBACK = ("127.0.0.1", "localhost")
# Path -> content and media type.
Site = Mapping[str, tuple[bytes, str]]


@dataclass(frozen=True)
class Asked:
    """A request: its method, target with the query, and all values of two of its headers."""

    method: str
    target: str
    hosts: Sequence[str]
    origins: Sequence[str]


@dataclass(frozen=True)
class Reply:
    """What is answered instead of opening a websocket."""

    status: HTTPStatus
    content: bytes
    media_type: str


class Access:
    """The rules of one server.

    Args:
        site: the files.
        agents: how many there are to talk to.
        host: the name or address that the server listens at.
        port: its port.
    """

    def __init__(self, site: Site, agents: int, host: str, port: int) -> None:
        self.token = secrets.token_urlsafe(32)
        self._site, self._agents = site, agents
        self._hosts = {f"{name}:{port}" for name in names_of(host)}
        self.address = f"http://{bracketed(reached_at(host))}:{port}/?token={self.token}"
        sockets = " ".join(f"ws://{name}" for name in sorted(self._hosts))
        policy = (
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; "
            "img-src 'self' data: blob:; "
            f"connect-src 'self' {sockets}; worker-src 'self' blob:; media-src blob:; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        self.headers = {
            "Content-Security-Policy": policy,
            "X-Content-Type-Options": "nosniff",
            "Referrer-Policy": "no-referrer",
            "Cache-Control": "no-store",
            "Cross-Origin-Resource-Policy": "same-origin",
        }

    def judge(self, asked: Asked) -> Reply | None:
        """The file that was asked for, or a refusal; None: a websocket may be opened.

        421 for another host than the server's own, 405 for another method than GET, 404 for another
        path than those of the site, 403 for what lacks the token, or a websocket another page's.
        """
        if len(asked.hosts) != 1 or asked.hosts[0].lower() not in self._hosts:
            return _refuse(HTTPStatus.MISDIRECTED_REQUEST, "This is not the host of the page.")
        if asked.method != "GET":
            return _refuse(HTTPStatus.METHOD_NOT_ALLOWED, "Use GET.")
        target, _, query = asked.target.partition("?")
        path = unquote(target)  # an agent may have any name
        if path == SOCKET:
            return self._judge_socket(asked.origins, query)
        if path not in self._site:
            return _refuse(HTTPStatus.NOT_FOUND, "There is no such file.")
        content, media_type = self._site[path]
        if media_type.startswith("text/html") and not self._has_token(query):
            return _refuse(HTTPStatus.FORBIDDEN, "Open the whole address, with its token.")
        return Reply(HTTPStatus.OK, content, media_type)

    def agent_of(self, target: str) -> int | None:
        """Index of the agent that a websocket asks for; None if there is no such."""
        given = _one(target.partition("?")[2], "agent")
        if not re.fullmatch("[0-9]{1,4}", given) or int(given) >= self._agents:
            return None
        return int(given)

    def _judge_socket(self, origins: Sequence[str], query: str) -> Reply | None:
        own = {f"http://{host}" for host in self._hosts}
        if len(origins) != 1 or origins[0].lower() not in own:
            return _refuse(HTTPStatus.FORBIDDEN, "Only the page itself may open this.")
        if not self._has_token(query):
            return _refuse(HTTPStatus.FORBIDDEN, "The token is missing or wrong.")
        if self.agent_of(f"{SOCKET}?{query}") is None:
            return _refuse(HTTPStatus.NOT_FOUND, "There is no such agent.")
        return None

    def _has_token(self, query: str) -> bool:
        return hmac.compare_digest(_one(query, "token").encode(), self.token.encode())


def names_of(host: str) -> set[str]:
    """What a browser may call a server that listens at `host`, without the port."""
    if is_every(host):
        own, addresses = socket.gethostname(), list[str]()
        with suppress(OSError):  # a machine may not know its own name
            addresses = socket.gethostbyname_ex(own)[2]
        return {*LOOPBACK, "[::1]", own.lower(), *map(bracketed, addresses)}
    return {bracketed(host).lower(), *LOOPBACK} if is_loopback(host) else {bracketed(host).lower()}


def reached_at(host: str) -> str:
    """The name or address of `names_of` that is opened on this machine."""
    return LOOPBACK[0] if is_every(host) else host


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a server at `host`."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def is_every(host: str) -> bool:
    """Whether `host` stands for all addresses of the machine."""
    try:
        return ip_address(host).is_unspecified
    except ValueError:
        return host == ""


def bracketed(host: str) -> str:
    """As it stands in an address."""
    return f"[{host}]" if ":" in host else host


def _one(query: str, name: str) -> str:
    """The only value of a query's field; "" for none, or several."""
    try:
        values = parse_qs(query, max_num_fields=8).get(name, [])
    except ValueError:
        return ""
    return values[0] if len(values) == 1 else ""


def _refuse(status: HTTPStatus, sentence: str) -> Reply:
    return Reply(status, f"{sentence}\n".encode(), "text/plain; charset=utf-8")
