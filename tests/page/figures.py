"""Print how fast the page is here: `.venv/bin/python tests/page/figures.py`.

For each agent that comes with the package, in headless Chromium: bytes of its files and of the page
as written, with and without page.small=true; seconds from an address on this machine to the first
picture; milliseconds of a step with its picture in the worker, as the page waits for it; steps a
second at a speed of 1, against the environment's own. Other work on the machine slows it.
"""

import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from conftest import NAMES, QUIET, hosted
from playwright.sync_api import sync_playwright

import worldmodel
from worldmodel.page.pack import agent_files, pack_agent, write_folder, write_single

AGENTS = ("car_racing", "take_cover")
STEPS = 100
SECONDS = 6.0
VISITS = 3

TIME_STEPS = """async (steps) => {
  const { connect } = await import("./connection.js");
  const engine = await connect(JSON.parse(document.getElementById("site").textContent), 0);
  await engine.ask({ type: "begin", start: 0, seed: 0 });
  const message = { type: "step", action: null, mix: 0, temperature: 1, end: "never", pins: {} };
  const found = [];
  for (let at = 0; at < steps + 10; at++) {
    const begun = performance.now();
    await engine.ask(message);
    found.push(performance.now() - begun);
  }
  engine.close();
  return found.slice(10);  // once it is compiled
}"""


def main():
    path = next(filter(None, map(shutil.which, NAMES)))
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
    with sync_playwright() as play, tempfile.TemporaryDirectory() as folder:
        browser = play.chromium.launch(executable_path=path, args=QUIET)
        print(f"Chromium {browser.version}")
        for name in AGENTS:
            site = Path(folder) / name
            weigh(worldmodel.load(name), site)
            with hosted(site) as address:
                measure(name, browser, address)
        browser.close()


def weigh(agent, site):
    """Bytes, as `site` and as one file."""
    for small in (False, True):
        packed = pack_agent(agent, small)
        own = sum(map(len, agent_files(packed).values()))
        single = write_single([packed], site.with_suffix(".html"))
        whole = write_folder([packed], site.with_name(f"{site.name}_small") if small else site)
        print(f"{packed.name}, small={str(small).lower()}: {own / 1e6:.2f} MB of its own, "
              f"{whole / 1e6:.2f} MB as a folder, {single / 1e6:.2f} MB as one file")  # fmt: skip


def measure(name, browser, address):
    waits = []
    for _ in range(VISITS):  # each in a context without a cache
        context = browser.new_context()
        view = context.new_page()
        begun = time.monotonic()
        view.goto(f"{address}/")
        view.wait_for_selector('body[data-ready="1"]')
        waits.append(time.monotonic() - begun)
        if len(waits) < VISITS:
            context.close()
    took = view.evaluate(TIME_STEPS, STEPS)
    view.select_option("#end", "never")
    view.click("#play")
    view.wait_for_timeout(1000)
    begun, first = time.monotonic(), int(view.get_attribute("#screen", "data-step"))
    view.wait_for_timeout(SECONDS * 1000)
    last, seconds = int(view.get_attribute("#screen", "data-step")), time.monotonic() - begun
    own = view.evaluate(f"fetch('{name}/about.json').then((answer) => answer.json())")["about"]
    context.close()
    slow = statistics.quantiles(took, n=20)[-1]
    print(
        f"{name}: ready after {statistics.median(waits):.2f} s (median of {VISITS}); "
        f"a step takes {statistics.median(took):.1f} ms (median of {STEPS}; 95 % below "
        f"{slow:.1f} ms); {(last - first) / seconds:.1f} steps a second of {own['fps']:g}"
    )


if __name__ == "__main__":
    main()
