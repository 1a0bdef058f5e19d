"""The page's files and its engines behind one port: HTTP and a websocket, by `websockets`."""

import logging
import socket
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from worldmodel.page.access import Access, Asked, Site, is_loopback
from worldmodel.page.engine import Engine
from worldmodel.page.visit import BUSY, LARGEST_MESSAGE, visit
from worldmodel.run.layout import install_command
from worldmodel.types import UserError

if TYPE_CHECKING:
    from websockets.http11 import Request, Response
    from websockets.sync.server import ServerConnection

CONNECTIONS = 64  # at once, of files and websockets
QUEUE = 4  # messages of a visitor that wait; a page waits for each answer
OPEN_SECONDS, CLOSE_SECONDS = 10, 5  # for a request to come, for the other side to hang up
SEND_SECONDS = 30.0  # for an answer to be taken
PING_SECONDS = 20
PATIENCE = 1.0  # seconds for a page that is reloaded to leave before it comes again
GRACE = 1.0  # seconds that visitors have to hang up when the server closes


class PageServer:
    """A server that runs in threads of its own; made by `serve`.

    Attributes:
        address: what is to be opened in a browser; it holds the token.
    """

    def __init__(
        self,
        engines: Sequence[Callable[[], Engine]],
        site: Site,
        host: str,
        port: int,
        visitors: int,
        say: Callable[[str], None],
    ) -> None:
        from websockets.sync.server import serve as listen

        self._engines, self._say = engines, say
        self._places = threading.BoundedSemaphore(visitors)
        self._lock = threading.Lock()
        self._connections: list[tuple[threading.Thread, ServerConnection]] = []
        self._server = listen(
            self._visited,
            host,
            port,
            family=socket.AF_INET6 if ":" in host else socket.AF_INET,
            process_request=self._requested,
            process_response=self._responded,
            create_connection=self._connected,  # type: ignore[arg-type]  # a factory will do
            compression=None,
            max_size=LARGEST_MESSAGE,
            max_queue=QUEUE,
            open_timeout=OPEN_SECONDS,
            close_timeout=CLOSE_SECONDS,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            server_header=None,
            logger=_log(say),
        )
        here = self._server.socket.getsockname()[1]
        self._access = Access(site, len(engines), host, here)
        self.address = self._access.address
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def wait(self) -> None:
        """Wait until the server is closed; Ctrl-C closes it.

        Raises:
            KeyboardInterrupt: after Ctrl-C.
        """
        try:
            self._thread.join()
        finally:
            self.close()

    def close(self) -> None:
        """Send all visitors away, free their engines, and end all threads; twice does no harm."""
        ending = threading.Thread(target=self._server.shutdown, daemon=True)
        ending.start()
        ending.join(GRACE)
        with self._lock:
            connections = list(self._connections)
        if ending.is_alive():  # someone neither asks nor takes an answer, or does not hang up
            for _, connection in connections:
                with suppress(OSError):
                    connection.socket.shutdown(socket.SHUT_RDWR)
        ending.join()
        self._thread.join()
        for thread, connection in connections:
            thread.join()
            connection.recv_events_thread.join()
            if connection.keepalive_thread is not None:
                connection.keepalive_thread.join()

    def _connected(self, sock: socket.socket, *given: Any, **settings: Any) -> "ServerConnection":
        """A connection, while there are not too many; else its socket is closed."""
        from websockets.sync.server import ServerConnection

        with self._lock:
            self._connections = [
                (thread, one)
                for thread, one in self._connections
                if thread.is_alive() or one.recv_events_thread.is_alive()
            ]
            if len(self._connections) >= CONNECTIONS:
                raise ConnectionError("too many connections")
            # Or else who takes no answer would keep a place, and the server from closing.
            sock.settimeout(SEND_SECONDS)
            connection = ServerConnection(sock, *given, **settings)
            self._connections.append((threading.current_thread(), connection))
            return connection

    def _requested(self, connection: "ServerConnection", request: "Request") -> "Response | None":
        from websockets.datastructures import Headers
        from websockets.http11 import Response

        hosts, origins = (request.headers.get_all(name) for name in ("Host", "Origin"))
        reply = self._access.judge(Asked(request.method, request.path, hosts, origins))
        if reply is None:
            return None
        length = str(len(reply.content))
        headers = Headers({"Content-Type": reply.media_type, "Content-Length": length})
        headers["Connection"] = "close"
        return Response(reply.status.value, reply.status.phrase, headers, reply.content)

    def _responded(
        self, connection: "ServerConnection", request: "Request", response: "Response"
    ) -> None:
        if response.status_code == 101:
            return
        for name, value in self._access.headers.items():
            response.headers[name] = value
        if response.status_code == 405:
            response.headers["Allow"] = "GET"

    def _visited(self, connection: "ServerConnection") -> None:
        from websockets.frames import CloseCode

        assert connection.request is not None
        agent = self._access.agent_of(connection.request.path)
        assert agent is not None  # judged before
        if not self._places.acquire(timeout=PATIENCE):
            connection.close(CloseCode.TRY_AGAIN_LATER, BUSY)
            return
        try:
            visit(connection, self._engines[agent], self._say)
        finally:
            self._places.release()


def serve(
    engines: Sequence[Callable[[], Engine]],
    site: Site,
    *,
    host: str,
    port: int,
    visitors: int,
    say: Callable[[str], None],
) -> PageServer:
    """Serve a page and the engines that it talks to, until `close`.

    Args:
        engines: makes the engine of each agent; called once for each visitor of it, in a thread.
        site: the files, by path: content and media type. "/" is the page.
        host: where to listen; 127.0.0.1 is reached from this machine only.
        port: 0 picks a free one.
        visitors: how many may talk to an engine at once; others are sent away.
        say: is told of faults and dangers, a sentence each, from any thread.

    Raises:
        UserError: if `websockets` is missing, or the port can't be had.
    """
    if not 0 <= port < 1 << 16:
        raise UserError(f"The port is {port}: use 1 to 65535, or 0 for a free one.")
    if visitors < 1:
        raise UserError(f"The page is for {visitors} visitors: use at least 1.")
    try:
        import websockets.sync.server  # noqa: F401
    except ImportError as error:
        raise UserError(f"The page needs websockets: run {install_command('page')}.") from error
    try:
        server = PageServer(engines, site, host, port, visitors, say)
    except OSError as error:
        raise UserError(
            f"Can't listen at {host}, port {port} ({error.strerror or error}): use another port, "
            "or port=0 for a free one."
        ) from error
    if not is_loopback(host):
        say(
            f"Others on your network can reach this page at {host}, unencrypted: whoever sees its "
            "address can use it."
        )
    return server


def _log(say: Callable[[str], None]) -> logging.Logger:
    """What the library reports as a fault is said; it is silent about the rest."""

    class Said(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            say(f"The page's server: {record.getMessage()}.")

    log = logging.Logger("worldmodel.page", logging.ERROR)
    log.addHandler(Said())
    return log
