// A grid of what M thinks may come: draws of the same few actions, held throughout.

import { el } from "./ui_dom.js";
import { pushButton } from "./ui_dom.js";
import { actionName } from "./ui_bars.js";
import { frameCanvas } from "./ui_frames.js";
import { paintFrame } from "./ui_frames.js";
import { oneHot } from "./ui_hand.js";
import { reachAction } from "./ui_hand.js";
import { restAction } from "./ui_hand.js";

const DRAWS = 4;
const STEPS = 8;
const DISCRETE_SHOWN = 3;

/** The actions to compare, as [name, vector]. */
function futureActions(actions) {
  if (actions.discrete) {
    const count = Math.min(DISCRETE_SHOWN, actions.discrete);
    return Array.from({ length: count }, (_, i) => {
      return [actionName(actions, i), oneHot(actions.discrete, i)];
    });
  }
  const first = actionName(actions, 0);
  return [
    [`${first} low (←)`, reachAction(actions, { 0: -1 })],
    ["nothing", restAction(actions)],
    [`${first} high (→)`, reachAction(actions, { 0: 1 })],
  ];
}

/** The button and the grid: `ask()` is called on a click, `show(frames, step)` fills the grid. */
export class FuturesGrid {
  constructor(actions, ask) {
    this.choices = futureActions(actions);
    this.button = pushButton("Show futures", ask, { id: "futures" });
    this.note = el("span", { className: "note" }, `${DRAWS} draws of ${STEPS} steps, while paused`);
    this.strips = this.choices.map(([name]) => {
      return frameCanvas({ className: "pixels strip", "aria-label": name }, STEPS, DRAWS);
    });
    const figures = this.choices.map(([name], i) => {
      return el("figure", { className: "future" }, el("figcaption", {}, name), this.strips[i]);
    });
    this.grid = el("div", { className: "future-grid", hidden: true }, ...figures);
    const head = el("div", { className: "row" }, this.button, this.note);
    this.node = el("div", { className: "futures" }, el("h3", {}, "Futures"), head, this.grid);
  }

  message({ seed, temperature }) {
    const actions = this.choices.map(([, vector]) => vector);
    return { type: "futures", actions, draws: DRAWS, steps: STEPS, seed, temperature };
  }

  show(frames, step) {
    this.strips.forEach((strip, a) => {
      for (let d = 0; d < DRAWS; d++) {
        for (let s = 0; s < STEPS; s++) {
          paintFrame(strip, frames, (a * DRAWS + d) * STEPS + s, s, d);
        }
      }
    });
    this.grid.hidden = false;
    this.note.textContent = `${DRAWS} draws of ${STEPS} steps, from step ${step} on`;
  }
}
