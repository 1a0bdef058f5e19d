// What the window saw of a text: a column for each letter, time downwards.

import { ChartSurface } from "./ui_chart.js";
import { colours } from "./ui_chart.js";

const HEAD = 22; // pixels of the line of letters
const FAINTEST = 0.05; // of the strongest, below which nothing is drawn
const FADE = 0.4; // seconds in which a row comes to its full colour

/** The map; `set` gives it a text, what was seen at each step and when, `show(seconds)` draws. */
export class WindowMap extends ChartSurface {
  constructor(canvas) {
    super(canvas);
    this.set("", [], []);
  }

  set(text, rows, times) {
    Object.assign(this, { text, rows, times, seconds: 0 });
    this.most = Math.max(1e-9, ...rows.map((row) => Math.max(...row)));
    this.draw();
  }

  show(seconds) {
    this.seconds = seconds;
    this.draw();
  }

  draw() {
    if (!this.width || !this.text) return;
    const pen = this.clear();
    const across = this.width / (this.text.length + 1);
    const down = (this.height - HEAD) / this.rows.length;
    this.drawLetters(pen, across);
    pen.fillStyle = colours().first;
    this.rows.forEach((row, at) => {
      const age = this.seconds - this.times[at];
      if (age < 0) return;
      const fade = Math.min(1, 0.2 + age / FADE);
      row.forEach((seen, place) => {
        // The root shows what is seen a little of: a letter is seen most of when it begins.
        const share = Math.sqrt(seen / this.most);
        if (share < FAINTEST) return;
        pen.globalAlpha = share * fade;
        pen.fillRect(place * across, HEAD + at * down, across, Math.max(down, 1));
      });
    });
    pen.globalAlpha = 1;
  }

  drawLetters(pen, across) {
    const now = this.letterNow();
    const size = Math.min(16, Math.max(9, across * 1.4));
    pen.font = `${size}px ${colours().font.replace(/^\S+ /, "")}`;
    pen.textAlign = "center";
    pen.textBaseline = "middle";
    Array.from(this.text).forEach((letter, at) => {
      pen.fillStyle = at === now ? colours().first : colours().muted;
      pen.fillText(letter === " " ? "␣" : letter, (at + 0.5) * across, HEAD / 2);
    });
  }

  /** The letter of which the last row saw most. */
  letterNow() {
    const last = this.times.findLastIndex((time) => time <= this.seconds);
    if (last < 0) return -1;
    return this.rows[last].indexOf(Math.max(...this.rows[last]));
  }
}
