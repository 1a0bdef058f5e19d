// The panel that steers the dream: temperature, how it ends, the seed, and latents held.

import { el } from "./ui_dom.js";
import { choice } from "./ui_dom.js";
import { field } from "./ui_dom.js";
import { plain } from "./ui_dom.js";
import { pushButton } from "./ui_dom.js";
import { slider } from "./ui_dom.js";
import { LatentSliders } from "./view_latents.js";

const ENDS = [["sample", "drawn by chance"], ["threshold", "at a threshold"], ["never", "never"]];
const HIGHEST_SEED = 2 ** 31 - 1;

/** The panel; `on.seed()` when the seed changed, `on.effects()` when pictures are wanted. */
export class SteerPanel {
  constructor(about, on) {
    const { temperature, end } = about.dream;
    const shown = el("output", { className: "number" }, plain(temperature));
    this.temperature = slider("temperature", 0, 2, 0.05, temperature, () => {
      shown.textContent = plain(Number(this.temperature.value));
    });
    this.end = choice("end", ENDS, end, () => {});
    const range = { min: 0, max: HIGHEST_SEED, step: 1, value: 0 };
    const traits = { id: "seed", type: "number", inputMode: "numeric", ...range };
    this.seedInput = el("input", { ...traits, onchange: () => on.seed() });
    this.latents = new LatentSliders(about);
    const show = pushButton("Show what they do", on.effects, { id: "effects" });
    const free = pushButton("Let go of all", () => this.latents.releaseAll(), { id: "release" });
    this.node = el(
      "section",
      { className: "panel", "aria-labelledby": "steer-title" },
      el("h2", { id: "steer-title" }, "Steer"),
      el(
        "div",
        { className: "steer-fields" },
        field("Temperature", this.temperature, shown),
        field("The dream ends", this.end),
        field("Seed", this.seedInput),
      ),
      this.makeLatents(show, free),
    );
    this.effectsButton = show;
  }

  makeLatents(...buttons) {
    this.latentPart = el(
      "div",
      { className: "latent-part" },
      el("h3", {}, "Latents"),
      el(
        "p",
        { className: "note" },
        "A slider follows z until you move it; then it holds the latent, from the next step on. " +
          "Its name lets go. Beside it: the present z with this latent at −2 and at +2.",
      ),
      el("div", { className: "row" }, ...buttons),
      this.latents.node,
    );
    return this.latentPart;
  }

  /** What does not act on what is shown is out of reach. */
  arrange(kind) {
    this.latentPart.inert = kind !== "dream";
    this.end.disabled = kind !== "dream";
    this.temperature.disabled = kind === "real";
  }

  seed() {
    const seed = Math.trunc(Number(this.seedInput.value));
    return Number.isFinite(seed) ? Math.min(Math.max(seed, 0), HIGHEST_SEED) : 0;
  }

  settings() {
    return {
      temperature: Number(this.temperature.value),
      end: this.end.value,
      seed: this.seed(),
      pins: this.latents.pins(),
    };
  }

  allow(effects) {
    this.effectsButton.disabled = !effects;
  }
}
