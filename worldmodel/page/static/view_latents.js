// One row for each latent: its name, a button that lets go of it, and a slider that follows z.

import { el } from "./ui_dom.js";
import { pushButton } from "./ui_dom.js";
import { signed } from "./ui_dom.js";
import { slider } from "./ui_dom.js";
import { frameCanvas } from "./ui_frames.js";
import { paintFrame } from "./ui_frames.js";

const FIRST = 12;
const SPREADS_EACH_WAY = 3;
const EFFECT_SPREADS = 2;

// By V's prior what is drawn of a latent spreads by about 1, however little its mean does.
function drawnSpread(about, latent) {
  return Math.max(1, about.spread[latent]);
}

class LatentRow {
  constructor(latent, spread, pictured) {
    this.latent = latent;
    this.pinned = null;
    const far = SPREADS_EACH_WAY * spread;
    this.value = el("output", { className: "number" }, "–");
    this.input = slider(null, -far, far, far / 150, 0, () => this.pin(Number(this.input.value)));
    this.input.setAttribute("aria-label", `latent ${latent}`);
    const traits = { className: "free", "aria-label": `let go of latent ${latent}` };
    this.free = pushButton("", () => this.release(), { ...traits, disabled: true });
    this.free.append(el("span", { className: "latent-name" }, `z${latent}`), this.value);
    const picture = (side) => frameCanvas({ "aria-label": `latent ${latent} ${side}` });
    this.pictures = pictured ? [picture("lowered"), picture("raised")] : [];
    const [less, more] = this.pictures;
    const parts = [this.free, less ?? null, this.input, more ?? null];
    const className = pictured ? "latent latent-pictured" : "latent";
    this.node = el("li", { className }, ...parts);
  }

  pin(value) {
    this.pinned = value;
    this.value.textContent = signed(value);
    this.node.dataset.pinned = "1";
    this.free.disabled = false;
  }

  release() {
    this.pinned = null;
    delete this.node.dataset.pinned;
    this.free.disabled = true;
    if (this.last !== undefined) this.follow(this.last);
  }

  follow(value) {
    this.last = value;
    if (this.pinned !== null) return;
    this.input.value = value;
    this.value.textContent = signed(value);
  }
}

/** All latents: `pins()`, `follow(z)`, `releaseAll()`, and the message and answer of `effects`. */
export class LatentSliders {
  constructor(about) {
    this.rows = about.latents.map((latent, i) => {
      return new LatentRow(latent, drawnSpread(about, latent), i < FIRST);
    });
    const nodes = this.rows.map((row) => row.node);
    const first = el("ul", { className: "latents" }, ...nodes.slice(0, FIRST));
    this.rest = el(
      "details",
      { className: "rest", ontoggle: () => this.followRest() },
      el("summary", {}, `The other ${Math.max(0, nodes.length - FIRST)}`),
      el("ul", { className: "latents" }, ...nodes.slice(FIRST)),
    );
    this.rest.hidden = nodes.length <= FIRST;
    this.node = el("div", {}, first, this.rest);
  }

  pins() {
    const held = this.rows.filter((row) => row.pinned !== null);
    return Object.fromEntries(held.map((row) => [row.latent, row.pinned]));
  }

  follow(z) {
    this.z = z;
    // What is folded away costs time and is not seen.
    const count = this.rest.open ? this.rows.length : FIRST;
    for (const row of this.rows.slice(0, count)) row.follow(z[row.latent]);
  }

  followRest() {
    if (this.z) this.follow(this.z);
  }

  releaseAll() {
    for (const row of this.rows) row.release();
  }

  effectsMessage() {
    const latents = this.rows.slice(0, FIRST).map((row) => row.latent);
    return { type: "effects", latents, by: EFFECT_SPREADS };
  }

  showEffects(frames) {
    this.rows.slice(0, FIRST).forEach((row, i) => {
      row.pictures.forEach((picture, side) => paintFrame(picture, frames, 2 * i + side));
    });
  }
}
