// What the panels of all systems share: which one, its engine, and the seed.

import { connectSystem } from "./connection.js";
import { choice } from "./ui_dom.js";
import { el } from "./ui_dom.js";
import { field } from "./ui_dom.js";
import { sayStatus } from "./ui_dom.js";

const HIGHEST_SEED = 2 ** 31 - 1;

/** One of some systems of the site; its model is loaded when it is first asked something. */
export class SystemLink {
  constructor(site, systems, changed = () => {}) {
    Object.assign(this, { site, systems, changed });
    this.engine = null;
    this.at = 0;
  }

  /** A field to choose one of several, or null. */
  makeField(id) {
    if (this.systems.length < 2) return null;
    const names = this.systems.map(({ label }, at) => [at, label]);
    const select = choice(id, names, 0, () => {
      this.at = Number(select.value);
      this.forget();
      this.changed();
    });
    return field("Model", select);
  }

  forget() {
    this.engine?.then((engine) => engine.close(), () => {});
    this.engine = null;
  }

  /** What is told of it. */
  async about() {
    return (await this.ask({ type: "open" })).about;
  }

  async ask(message) {
    this.engine ??= connectSystem(this.site, this.systems[this.at].index);
    const asked = this.engine;
    let engine;
    try {
      engine = await asked;
    } catch (error) {
      // The next time it may be there.
      if (this.engine === asked) this.engine = null;
      throw error;
    }
    try {
      return await engine.ask(message);
    } catch (error) {
      // What was asked of a model that was left is not waited for any more.
      if (this.engine !== asked) return new Promise(() => {});
      throw error;
    }
  }
}

/** Does something asynchronous; what goes wrong is said in the status line. */
export async function attempt(action) {
  try {
    return await action();
  } catch (error) {
    sayStatus(error.message);
    return null;
  }
}

/** A field for a seed: {node, read, next}. */
export function makeSeed(id, value = 0) {
  const range = { min: 0, max: HIGHEST_SEED, step: 1, value };
  const input = el("input", { id, type: "number", inputMode: "numeric", ...range });
  const read = () => {
    const seed = Math.trunc(Number(input.value));
    return Number.isFinite(seed) ? Math.min(Math.max(seed, 0), HIGHEST_SEED) : 0;
  };
  const next = () => {
    input.value = String((read() + 1) % (HIGHEST_SEED + 1));
    return read();
  };
  return { node: field("Seed", input), read, next };
}
