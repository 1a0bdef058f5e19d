"""A real browser, and folders served to it."""

import functools
import http.server
import shutil
import threading
from contextlib import contextmanager

import pytest

QUIET = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--no-first-run"]  # fmt: skip
NAMES = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def browser():
    """Chromium, as it is installed on this machine."""
    api = pytest.importorskip("playwright.sync_api")
    path = next(filter(None, map(shutil.which, NAMES)), None)
    if path is None:
        pytest.skip("there is no Chromium: apt install chromium")
    with api.sync_playwright() as play:
        chromium = play.chromium.launch(executable_path=path, args=QUIET)
        yield chromium
        chromium.close()


class _Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@contextmanager
def hosted(folder):
    """The address at which any static host would serve a folder."""
    handler = functools.partial(_Handler, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(scope="session")
def host():
    """host(folder): a context with the address of a folder."""
    return hosted


@pytest.fixture
def viewing(browser):
    from page_browser import viewed  # figures.py, which takes this file alone, has no path to it

    return functools.partial(viewed, browser)
