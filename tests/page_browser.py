"""A page in a browser as a test sees it: what it asks its engine, is answered, and shows."""

import json
import time
from contextlib import contextmanager

DEADLINE = 40.0  # seconds after which something has not happened

# Keeps what a page and its engine say to each other, without the frames of the answers.
SPY = """
  window.spy = {asked: [], answers: []};
  const light = (answer) => ({...answer, frame: null, frames: answer.frames?.length ?? null,
                              reconstruction: null});
  const Hired = window.Worker;
  window.Worker = class extends Hired {
    constructor(...given) {
      super(...given);
      super.addEventListener("message", ({data}) => {
        this.count--;
        window.spy.answers.push(light(data.answer));
      });
    }
    postMessage(packet) {
      const {message} = packet;
      this.count = (this.count ?? 0) + 1;
      window.spy.asked.push(message.type === "load" ? {type: "load"} : message);
      super.postMessage(packet);
    }
    terminate() {
      super.terminate();
      while (this.count-- > 0) window.spy.answers.push({});  // what will not be answered
    }
  };
  const Socket = window.WebSocket;
  window.WebSocket = class extends Socket {
    constructor(...given) {
      super(...given);
      super.addEventListener("message", ({data}) => {
        const size = new DataView(data).getUint32(0, true);
        const text = new TextDecoder().decode(new Uint8Array(data, 4, size));
        window.spy.answers.push(light(JSON.parse(text)));
      });
    }
    send(text) {
      window.spy.asked.push(JSON.parse(text));
      super.send(text);
    }
  };
"""

# Presses Step once nothing is under way, and waits for what comes of it.
STEP = """async ([count, patience]) => {
  const until = performance.now() + patience;
  const turn = () => new Promise((resolve) => setTimeout(resolve, 1));
  const rest = async () => {
    while (spy.asked.length !== spy.answers.length) {
      if (performance.now() > until) throw new Error("no answer");
      await turn();
    }
    await turn();
  };
  for (let at = 0; at < count; at++) {
    await rest();
    const before = spy.asked.length;
    document.getElementById("step").click();
    await turn();
    if (spy.asked.length === before) at--;  // pictures of latents came first
  }
  await rest();
}"""


class View:
    """A page; `errors` is what its console said, `requests` what it asked for."""

    def __init__(self, context):
        self.errors, self.requests = [], []
        self.page = context.new_page()
        self.page.add_init_script(SPY)
        self.page.on("console", lambda message: self.errors.append(message.text))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))

    def open(self, address):
        self.page.goto(address)
        self.ready()
        return self

    def ready(self):
        said = "document.getElementById('status').textContent"
        line = "document.querySelector('#status:not(:has(.unserved))')?.textContent ?? ''"
        self.until(f"document.body.dataset.ready || /^(?!Loading)./.test({line})")
        opened = self.page.get_attribute("body", "data-ready")
        assert opened, (self.page.evaluate(said), self.errors)

    def until(self, holds, *given):
        """Wait until a JavaScript expression holds, whatever the page's policy."""
        end = time.monotonic() + DEADLINE
        while not (found := self.page.evaluate(holds, *given)):
            assert time.monotonic() < end, holds
            self.page.wait_for_timeout(10)
        return found

    def steps(self, count=1):
        """Step while paused; the moments."""
        self.settle()
        known = self.page.evaluate("spy.answers.length")
        self.page.evaluate(STEP, [count, DEADLINE * 1000])
        answers = self.page.evaluate("known => spy.answers.slice(known)", known)
        return [answer for answer in answers if "frames" not in answer or answer["frames"] is None]

    def asked(self, kind):
        """All messages of a kind."""
        return self.page.evaluate("kind => spy.asked.filter((m) => m.type === kind)", kind)

    def clear(self):
        """Forget what was asked and answered, once nothing is under way."""
        self.until("""spy.asked.length === spy.answers.length &&
                      (spy.asked.length = 0, spy.answers.length = 0, true)""")

    def data(self, name):
        return self.page.get_attribute("#screen", f"data-{name}")

    def action(self):
        return json.loads(self.data("action"))

    def agent(self):
        """What C would do now."""
        return json.loads(self.data("agent"))

    def pixels(self, selector="#screen"):
        """The content of a canvas."""
        return self.page.eval_on_selector(selector, "canvas => canvas.toDataURL()")

    def play(self, until):
        """Play until an expression holds, then pause."""
        if self.page.get_attribute("body", "data-playing") == "0":
            self.page.evaluate("document.getElementById('play').click()")
        self.until(*until)
        self.page.evaluate(
            "document.body.dataset.playing === '1' && document.getElementById('play').click()"
        )
        self.settle()

    def set(self, selector, value):
        """Choose a value as a person does: with the events of input and change."""
        self.page.eval_on_selector(
            selector,
            """(node, value) => { node.value = value;
               for (const kind of ["input", "change"]) node.dispatchEvent(new Event(kind)); }""",
            str(value),
        )

    def restart(self, key="r"):
        """Begin anew by a key; wait for it."""
        known = len(self.asked("begin"))
        self.page.focus("#screen")
        self.page.keyboard.press(key)
        self.until("known => spy.asked.filter((m) => m.type === 'begin').length > known", known)
        self.settle()

    def restart_reel(self):
        """Follow the reel from its beginning, by the button."""
        self.page.click("#restart")
        self.until("spy.asked.at(-1).at === 0")
        self.settle()

    def settle(self):
        """Wait until all that was asked is answered and shown."""
        self.until("spy.asked.length === spy.answers.length")

    def said(self):
        """The status line, once it says something."""
        return self.until("document.getElementById('status').textContent")

    def said_finally(self, beginning):
        """The status line, once it begins so."""
        line = "(document.getElementById('status')?.textContent ?? '')"
        return self.until(f"new RegExp('^{beginning}.').test({line}) && {line}")

    def innocent(self):
        """The console is silent, and nobody else was asked for anything."""
        origin = self.page.evaluate("location.origin")
        socket = origin.replace("http", "ws", 1)
        own = (f"{origin}/", f"{socket}/", "file:///", "blob:", "data:")
        assert self.errors == []
        assert [url for url in self.requests if not url.startswith(own)] == []


@contextmanager
def viewed(browser, *scripts, quiet=True, **context):
    """A View, whose console has to be silent at the end; it may ask its own address alone."""
    kept = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **context})
    for script in scripts:
        kept.add_init_script(script)
    view = View(kept)
    try:
        yield view
        if quiet:
            view.innocent()
    finally:
        kept.close()
