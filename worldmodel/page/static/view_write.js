// A text that is written stroke by stroke, and what the window saw of it.

import { el } from "./ui_dom.js";
import { field } from "./ui_dom.js";
import { plain } from "./ui_dom.js";
import { sayStatus } from "./ui_dom.js";
import { slider } from "./ui_dom.js";
import { Animation } from "./ui_ink.js";
import { Trace } from "./ui_ink.js";
import { svgEl } from "./ui_ink.js";
import { WindowMap } from "./ui_window.js";
import { attempt } from "./view_system.js";
import { makeSeed } from "./view_system.js";
import { SystemLink } from "./view_system.js";
import { asSvg } from "./writing_lines.js";
import { layLines } from "./writing_lines.js";

const FIRST = "a world model";
const SEED = 1;
const LONGEST = 60; // letters
const PIECE = 60; // steps that are asked for at once, so that the worker answers soon
const LINGER = 0.5; // seconds in which the last of the map comes to its full colour

/** The panel. */
export class WritePanel {
  constructor(site, systems) {
    this.link = new SystemLink(site, systems, () => this.open());
    this.animation = new Animation();
    this.address = null;
    this.makeFields();
    this.makePaper();
    this.node = el(
      "section",
      { className: "panel write", "aria-labelledby": "write-title" },
      el("h2", { id: "write-title" }, "Write"),
      this.form,
      this.lacks,
      this.paper,
      el("p", { className: "note" }, "Below each letter, from the first step down to the last: " +
        "how much of it the window showed the network."),
      this.canvas,
      el("p", { className: "row saved" }, this.saved),
    );
    this.open();
  }

  makeFields() {
    const typed = { id: "text", type: "text", value: FIRST, maxLength: LONGEST };
    const rest = { autocomplete: "off", spellcheck: false, "aria-describedby": "lacks" };
    this.text = el("input", { ...typed, ...rest, oninput: () => this.check() });
    const shown = el("output", { className: "number" }, plain(1));
    this.bias = slider("bias", 0, 3, 0.1, 1, () => {
      shown.textContent = plain(Number(this.bias.value));
    });
    this.seed = makeSeed("write-seed", SEED);
    this.button = el("button", { id: "write", className: "main", disabled: true }, "Write");
    this.lacks = el("p", { id: "lacks", className: "note lacks", "aria-live": "polite" });
    const parts = [
      this.link.makeField("writer"),
      field("Text", this.text),
      field("Bias: more is neater", this.bias, shown),
      this.seed.node,
      this.button,
    ];
    const onsubmit = (event) => {
      event.preventDefault();
      if (!this.button.disabled) this.write();
    };
    this.form = el("form", { className: "write-fields", onsubmit }, ...parts.filter(Boolean));
  }

  makePaper() {
    this.trace = new Trace("ink");
    const label = { role: "img", "aria-label": "The written text" };
    this.picture = svgEl("svg", { id: "written", ...label }, this.trace.node);
    this.paper = el("div", { className: "paper" }, this.picture);
    const traits = { id: "window", className: "window-map", role: "img" };
    const named = "What the window saw of each letter, over time";
    this.canvas = el("canvas", { ...traits, "aria-label": named });
    this.map = new WindowMap(this.canvas);
    this.saved = el("span", { className: "film" });
  }

  /** Asks what the model knows, and writes a first text. */
  open() {
    this.about = null;
    this.button.disabled = true;
    return attempt(async () => {
      this.about = await this.link.about();
      this.node.dataset.ready = "1";
      this.check();
      if (!this.button.disabled) await this.write();
    });
  }

  /** Says which letters the model lacks. */
  check() {
    if (!this.about) return;
    const { characters } = this.about;
    const unknown = [...new Set(this.text.value)].filter((each) => !characters.includes(each));
    const empty = !this.text.value.trim();
    const known = rangesOf(characters.trim());
    const quoted = unknown.map((each) => `“${each}”`).join(", ");
    this.lacks.textContent = unknown.length
      ? `The model has never seen ${quoted}: it knows ${known} and spaces.`
      : "";
    this.text.setAttribute("aria-invalid", String(unknown.length > 0));
    this.button.disabled = empty || unknown.length > 0;
  }

  write() {
    this.animation.stop();
    const round = (this.round = (this.round ?? 0) + 1);
    return attempt(async () => {
      const text = this.text.value;
      const message = { text, bias: Number(this.bias.value), seed: this.seed.read() };
      const written = await this.asked(message, () => round === this.round);
      if (written) await this.show(text, written);
    });
  }

  /** All points and what was seen at them; null if another text was begun meanwhile. */
  async asked(message, current) {
    const found = { points: [], window: [] };
    let piece = { type: "write", ...message, steps: PIECE };
    for (;;) {
      const answer = await this.link.ask(piece);
      if (!current()) return null;
      found.points.push(...answer.points);
      found.window.push(...answer.window);
      if (answer.over) return { ...found, over: answer.over };
      piece = { type: "write_on", steps: PIECE };
    }
  }

  async show(text, { points, window, over }) {
    const { strokes, times, box } = layLines(text, points, window);
    this.picture.setAttribute("viewBox", box.join(" "));
    this.trace.set(strokes);
    this.map.set(text, window, times);
    this.offer(text, strokes, box);
    sayStatus(over === "written" ? "" : "The line was given up before the text came to its end.");
    this.picture.dataset.strokes = "0";
    const whole = await this.animation.run((times.at(-1) ?? 0) + LINGER, (seconds) => {
      this.trace.show(seconds);
      this.map.show(seconds);
    });
    if (whole) this.picture.dataset.strokes = String(strokes.length);
  }

  offer(text, strokes, box) {
    if (this.address) URL.revokeObjectURL(this.address);
    const blob = new Blob([asSvg(strokes, box)], { type: "image/svg+xml" });
    this.address = URL.createObjectURL(blob);
    const download = `${text.trim().replace(/\s+/g, "_").slice(0, 40)}.svg`;
    const link = el("a", { id: "save-writing", href: this.address, download }, "Save as SVG");
    this.saved.replaceChildren(link);
  }

  /** Out of sight: it is written at once. */
  rest() {
    this.animation.stop();
    this.trace.show(Infinity);
    this.map.show(Infinity);
  }
}

/** Characters that follow one another as a range, as "a–z". */
function rangesOf(characters) {
  const runs = [];
  for (const each of characters) {
    const run = runs.at(-1);
    if (run && each.codePointAt(0) === run.at(-1).codePointAt(0) + 1) run.push(each);
    else runs.push([each]);
  }
  return runs.map((run) => (run.length > 2 ? `${run[0]}–${run.at(-1)}` : run.join(" "))).join(" ");
}
