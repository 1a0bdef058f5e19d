// A drawing that one begins, and ways in which the model goes on with it.

import { el } from "./ui_dom.js";
import { field } from "./ui_dom.js";
import { plain } from "./ui_dom.js";
import { pushButton } from "./ui_dom.js";
import { sayStatus } from "./ui_dom.js";
import { slider } from "./ui_dom.js";
import { Animation } from "./ui_ink.js";
import { Trace } from "./ui_ink.js";
import { boxOf } from "./ui_ink.js";
import { endOf } from "./ui_ink.js";
import { squareOf } from "./ui_ink.js";
import { svgEl } from "./ui_ink.js";
import { timed } from "./ui_ink.js";
import { toStrokes } from "./strokes.js";
import { Slate } from "./ui_slate.js";
import { attempt } from "./view_system.js";
import { makeSeed } from "./view_system.js";
import { SystemLink } from "./view_system.js";

const WAYS = 4;
const BIAS = 1; // at first
const SPEED = 1.2; // widths of the drawing a second
const MARGIN = 0.15; // of an example, in parts of the slate

class Way {
  constructor(index, chosen) {
    this.begun = new Trace("ink");
    this.drawn = new Trace("ink ink-drawn");
    const label = { role: "img", "aria-label": `Way ${index + 1} to go on` };
    this.picture = svgEl("svg", label, this.begun.node, this.drawn.node);
    const traits = { className: "way", disabled: true, title: "Take it, to go on from there" };
    this.button = pushButton("", chosen, traits);
    this.button.append(this.picture);
  }

  set(begun, drawn, box) {
    this.picture.setAttribute("viewBox", box.join(" "));
    this.begun.set(timed(begun, 1));
    this.begun.show(Infinity);
    this.drawn.set(drawn);
    this.button.disabled = false;
  }

  clear() {
    this.begun.set([]);
    this.drawn.set([]);
    this.button.disabled = true;
  }
}

/** The panel. */
export class GoOnPanel {
  constructor(site, systems) {
    this.link = new SystemLink(site, systems, () => this.open());
    this.animation = new Animation();
    this.example = 0;
    this.slate = new Slate({ id: "slate", label: "Begin a drawing here" }, () => this.changed());
    this.ways = Array.from({ length: WAYS }, (_, at) => new Way(at, () => this.take(at)));
    this.makeFields();
    this.node = el(
      "section",
      { className: "panel go-on", "aria-labelledby": "go-on-title" },
      el("h2", { id: "go-on-title" }, "Go on with a drawing"),
      el(
        "p",
        { className: "note" },
        "Begin a letter or a sign with a finger, a pen or the mouse. The model shows four ways " +
          "to go on; take one, and it goes on from there.",
      ),
      el("div", { className: "go-on-parts" }, this.makeBegun(), this.makeWays()),
    );
    this.changed();
    this.open();
  }

  makeFields() {
    const shown = el("output", { className: "number" }, plain(BIAS));
    this.bias = slider("go-on-bias", 0, 3, 0.1, BIAS, () => {
      shown.textContent = plain(Number(this.bias.value));
    });
    this.seed = makeSeed("go-on-seed");
    const fields = [
      this.link.makeField("pen-model"),
      field("Bias: more is neater", this.bias, shown),
      this.seed.node,
    ];
    this.fields = el("div", { className: "go-on-fields" }, ...fields.filter(Boolean));
  }

  makeBegun() {
    this.button = pushButton("Go on", () => this.goOn(), { id: "go-on", className: "main" });
    this.clear = pushButton("Clear", () => this.wipe(), { id: "clear" });
    this.shown = pushButton("An example", () => this.showExample(), { id: "begun-example" });
    const row = el("div", { className: "row" }, this.button, this.clear, this.shown);
    return el("div", { className: "begun" }, this.slate.node, row, this.fields);
  }

  makeWays() {
    const label = { id: "ways", className: "ways", role: "group", "aria-label": "Ways to go on" };
    return el("div", label, ...this.ways.map(({ button }) => button));
  }

  open() {
    this.about = null;
    this.changed();
    return attempt(async () => {
      this.about = await this.link.about();
      this.shown.hidden = this.about.examples.length === 0;
      this.node.dataset.ready = "1";
      this.changed();
    });
  }

  changed() {
    const some = this.slate.strokes.flat().length > 1;
    this.button.disabled = !some || !this.about;
    this.clear.disabled = this.slate.strokes.length === 0;
    this.shown.disabled = !this.about;
  }

  wipe() {
    this.animation.stop();
    this.round = (this.round ?? 0) + 1;
    this.slate.set([]);
    this.ways.forEach((way) => way.clear());
    this.changed();
  }

  showExample() {
    const { examples } = this.about;
    const strokes = toStrokes(examples[this.example++ % examples.length]);
    const [x, y, side] = squareOf(boxOf(strokes, 0));
    const place = (value, from) => MARGIN + ((value - from) / side) * (1 - 2 * MARGIN);
    this.wipe();
    this.slate.set(strokes.map((stroke) => stroke.map((at) => [place(at[0], x), place(at[1], y)])));
    this.changed();
    this.goOn();
  }

  goOn() {
    this.animation.stop();
    const round = (this.round = (this.round ?? 0) + 1);
    return attempt(async () => {
      const begun = this.slate.strokes;
      const settings = { bias: Number(this.bias.value), seed: this.seed.read() };
      const answer = await this.link.ask({ type: "draw", begun, count: WAYS, ...settings });
      if (round !== this.round) return;
      sayStatus("");
      await this.show(begun, answer.drawings);
    });
  }

  async show(begun, drawings) {
    const every = [...begun, ...drawings.flatMap(({ strokes }) => strokes)];
    const box = squareOf(boxOf(every, 0.08));
    this.drawings = drawings.map(({ strokes }) => [...begun, ...strokes]);
    const drawn = drawings.map(({ strokes }) => timed(strokes, SPEED * Math.max(box[2], 1e-6)));
    this.ways.forEach((way, at) => way.set(begun, drawn[at], box));
    const group = this.ways[0].button.parentElement;
    group.dataset.drawn = "0";
    const whole = await this.animation.run(Math.max(...drawn.map(endOf)), (seconds) => {
      for (const way of this.ways) way.drawn.show(seconds);
    });
    if (whole) group.dataset.drawn = String(drawings.length);
  }

  /** A way becomes the beginning; it is made smaller where it would leave the slate. */
  take(at) {
    const strokes = this.drawings[at];
    const [x, y, width, height] = boxOf(strokes, 0);
    const inside = x >= 0 && y >= 0 && x + width <= 1 && y + height <= 1;
    const [left, top, side] = inside ? [0, 0, 1] : squareOf(boxOf(strokes, 0.08));
    const fit = ([px, py]) => [(px - left) / side, (py - top) / side];
    this.slate.set(strokes.map((stroke) => stroke.map(fit)));
    this.seed.next();
    this.changed();
    this.goOn();
  }

  /** Out of sight: all is drawn at once. */
  rest() {
    this.animation.stop();
    for (const way of this.ways) way.drawn.show(Infinity);
  }
}
