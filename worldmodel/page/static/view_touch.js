// The tab of the touches: five seconds are played, and the model replies.

import { el } from "./ui_dom.js";
import { field } from "./ui_dom.js";
import { plain } from "./ui_dom.js";
import { pushButton } from "./ui_dom.js";
import { slider } from "./ui_dom.js";
import { CallRecorder } from "./ui_call.js";
import { Animation } from "./ui_ink.js";
import { Synth } from "./ui_sound.js";
import { TouchSurface } from "./ui_surface.js";
import { lengthOf } from "./ui_touches.js";
import { attempt } from "./view_system.js";
import { makeSeed } from "./view_system.js";
import { SystemLink } from "./view_system.js";

const SECONDS = 5;
const AFTER = 0.4; // seconds that are shown after the last touch
const HINTS = {
  rest: "Touch the square: the first touch begins five seconds.",
  call: "You play.",
  think: "The model listens to it again …",
  playing: "It is played.",
  done: "Touch the square to play something else.",
  empty: "The model answers with silence: try another reply.",
};

class TouchView {
  constructor(root, site) {
    const listed = site.systems.map((system, index) => ({ ...system, index }));
    const systems = listed.filter(({ kind }) => kind === "touch");
    this.link = new SystemLink(site, systems, () => this.open());
    this.synth = new Synth();
    this.animation = new Animation();
    Object.assign(this, { call: [], reply: [], example: 0, round: 0 });
    this.recorder = this.makeRecorder();
    this.makeSurface();
    this.makeButtons();
    this.node = el("div", { className: "touch" }, this.makeStage(), this.makePanel(systems));
    root.replaceChildren(this.node);
    this.say("rest");
    this.allow();
    this.open();
  }

  makeSurface() {
    const label = "The square to touch: left is low, right is high, below is bright";
    this.canvas = el("canvas", { id: "surface", className: "surface", "aria-label": label });
    this.canvas.setAttribute("role", "img");
    this.surface = new TouchSurface(this.canvas, {
      down: (place, time) => this.touched(place, time, true),
      move: (place, time) => this.touched(place, time, false),
      up: () => this.synth.up(),
    });
  }

  makeStage() {
    this.clock = el("output", { id: "countdown", className: "number clock" }, plain(SECONDS, 1));
    this.bar = el("progress", { max: SECONDS, value: 0, "aria-label": "Seconds played" });
    this.hint = el("p", { className: "note touch-hint", "aria-live": "polite" });
    return el(
      "section",
      { className: "touch-stage", "aria-label": "Surface" },
      el("div", { className: "touch-time" }, this.clock, this.bar),
      this.canvas,
      this.hint,
    );
  }

  makeButtons() {
    const make = (id, text, act) => pushButton(text, () => this.press(act), { id });
    this.buttons = {
      call: make("play-call", "Play the call", () => this.play(true, false)),
      reply: make("play-reply", "Play the reply", () => this.play(false, true)),
      both: make("play-both", "Both together", () => this.play(true, true)),
      another: make("another", "Another reply", () => this.another()),
      example: make("call-example", "An example", () => this.showExample()),
    };
    this.buttons.reply.className = "main";
  }

  makePanel(systems) {
    const shown = el("output", { className: "number" }, plain(1));
    this.heat = slider("touch-heat", 0.2, 1.4, 0.05, 1, () => {
      shown.textContent = plain(Number(this.heat.value));
    });
    this.seed = makeSeed("touch-seed");
    const { label } = systems[0];
    const legend = el(
      "p",
      { className: "legend" },
      el("span", { className: "key" }, "your call"),
      el("span", { className: "key key-agent" }, "the reply"),
    );
    const fields = [
      this.link.makeField("touch-model"),
      field("Temperature", this.heat, shown),
      this.seed.node,
    ];
    return el(
      "section",
      { className: "panel touch-panel", "aria-labelledby": "touch-title" },
      el("h2", { id: "touch-title" }, "Call and reply"),
      el("p", { className: "note" }, `Play five seconds; ${label} replies with five of its own. ` +
        "To the right a tone is higher, below it is brighter; a line is an octave."),
      legend,
      el("div", { className: "touch-buttons" }, ...Object.values(this.buttons)),
      el("div", { className: "go-on-fields" }, ...fields.filter(Boolean)),
    );
  }

  open() {
    this.about = null;
    this.allow();
    return attempt(async () => {
      this.about = await this.link.about();
      this.buttons.example.hidden = this.about.examples.length === 0;
      this.node.dataset.ready = "1";
      this.allow();
    });
  }

  say(state) {
    this.hint.textContent = HINTS[state];
    this.node.dataset.state = state;
  }

  allow() {
    const { call, reply, both, another, example } = this.buttons;
    const free = !this.recorder.going;
    call.disabled = !free || this.call.length === 0;
    another.disabled = !free || this.call.length === 0 || !this.about;
    reply.disabled = !free || this.reply.length === 0;
    both.disabled = !free || this.reply.length === 0;
    example.disabled = !free || !this.about;
  }

  press(act) {
    this.synth.wake();
    act();
  }

  /** A finger is at a place: the first of its touches begins a call. */
  touched(place, time, isNew) {
    this.synth.wake();
    if (!this.recorder.add(place, time, isNew)) return;
    if (isNew) this.synth.down(place);
    else this.synth.move(place);
  }

  makeRecorder() {
    return new CallRecorder(SECONDS, {
      begin: () => {
        this.silence();
        Object.assign(this, { call: [], reply: [] });
        this.say("call");
        this.allow();
      },
      tick: (seconds, touches) => {
        this.showTime(seconds);
        this.surface.show([{ touches, colour: "first", seconds }]);
      },
      end: (touches) => {
        this.call = touches;
        this.synth.up();
        this.ask();
      },
    });
  }

  showTime(spent) {
    this.clock.textContent = plain(SECONDS - spent, 1);
    this.bar.value = spent;
  }

  /** Asks for a reply, and plays it. */
  ask() {
    const round = ++this.round;
    this.say("think");
    this.reply = [];
    this.allow();
    return attempt(async () => {
      const settings = { temperature: Number(this.heat.value), seed: this.seed.read() };
      const message = { type: "reply", call: this.call, seconds: SECONDS, ...settings };
      const { reply } = await this.link.ask(message);
      if (round !== this.round) return;
      this.reply = reply;
      this.canvas.dataset.reply = String(reply.length);
      this.allow();
      if (reply.length) await this.play(false, true);
      else this.say("empty");
    });
  }

  another() {
    this.silence();
    this.seed.next();
    return this.ask();
  }

  showExample() {
    this.silence();
    const { examples } = this.about;
    this.call = examples[this.example++ % examples.length];
    this.reply = [];
    this.allow();
    return this.play(true, false).then((whole) => (whole ? this.ask() : null));
  }

  /** Plays the call, the reply, or both at once; true once all was played. */
  async play(call, reply) {
    this.silence();
    const made = [
      { touches: this.call, colour: "first", played: call },
      { touches: this.reply, colour: "second", played: reply },
    ];
    const played = made.filter((part) => part.played);
    for (const { touches } of played) this.synth.play(touches);
    this.say("playing");
    const lengths = played.map(({ touches }) => lengthOf(touches));
    const whole = await this.animation.run(Math.max(...lengths) + AFTER, (seconds) => {
      this.showTime(Math.min(seconds, SECONDS));
      this.surface.show(made.map((part) => ({ ...part, seconds: part.played ? seconds : null })));
    });
    if (whole) this.say("done");
    return whole;
  }

  silence() {
    this.round++;
    this.animation.stop();
    this.synth.stop();
  }

  /** Out of sight: nothing sounds, and a call that was begun is given up. */
  rest() {
    this.silence();
    if (!this.recorder.going) return;
    this.recorder.stop();
    this.surface.show([]);
    this.showTime(0);
    this.say("rest");
    this.allow();
  }
}

/** Shows how the site's system replies to touches. */
export function mountTouch(root, site) {
  return new TouchView(root, site);
}
