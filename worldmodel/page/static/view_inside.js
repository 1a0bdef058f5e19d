// The panel that looks inside M: what it draws z from, how surprised it is, what may come.

import { el } from "./ui_dom.js";
import { choice } from "./ui_dom.js";
import { field } from "./ui_dom.js";
import { plain } from "./ui_dom.js";
import { LineChart } from "./ui_chart.js";
import { MixtureChart } from "./ui_mixture.js";
import { FuturesGrid } from "./view_futures.js";

const SYNCS = [0, 1, 5, 10, 25, 50];
const MOST_SURPRISING = 4;

function chartBox(title, className, label) {
  const traits = { className: `chart ${className}`, role: "img", "aria-label": label };
  const canvas = el("canvas", traits);
  const value = el("output", { className: "number" });
  const head = el("figcaption", {}, el("span", {}, title), value);
  return { node: el("figure", { className: "chart-box" }, head, canvas), canvas, value };
}

function syncName(steps) {
  if (steps === 0) return "never";
  return steps === 1 ? "every step" : `every ${steps} steps`;
}

/** The panel; `on.futures()` when futures are wanted. */
export class InsidePanel {
  constructor(about, on) {
    this.about = about;
    const latents = about.latents.map((latent) => [latent, `z${latent}`]);
    this.watchSelect = choice("watch", latents, about.latents[0], () => this.drawMixture());
    const syncs = SYNCS.map((steps) => [steps, syncName(steps)]);
    this.syncSelect = choice("sync", syncs, 0, () => {});
    this.mixture = chartBox("density of its next value", "chart-tall", "mixture of one latent");
    this.endBox = chartBox("chance that it ends", "", "chance of an end over time");
    this.rewardBox = chartBox("expected reward", "", "expected reward over time");
    this.charts = {
      mixture: new MixtureChart(this.mixture.canvas),
      end: new LineChart(this.endBox.canvas, { range: [0, 1], colour: "second" }),
      reward: new LineChart(this.rewardBox.canvas),
    };
    this.futures = new FuturesGrid(about.actions, on.futures);
    this.most = el("p", { className: "note number" });
    this.parts = { dream: this.dreamPart(), reel: this.reelPart(), real: this.realPart() };
    this.node = el(
      "section",
      { className: "panel", "aria-labelledby": "inside-title" },
      el("h2", { id: "inside-title" }, "Look inside"),
      this.parts.reel,
      this.parts.real,
      this.parts.dream,
    );
  }

  dreamPart() {
    const { components } = this.about;
    return el(
      "div",
      {},
      field("Mixture of latent", this.watchSelect),
      this.mixture.node,
      el(
        "p",
        { className: "note" },
        `Grey: the ${components} weighted components; line: their sum; dot: what was drawn.`,
      ),
      this.rewardBox.node,
      this.endBox.node,
      this.futures.node,
    );
  }

  reelPart() {
    return el(
      "div",
      {},
      field("The dream starts again from what is real", this.syncSelect),
      el(
        "p",
        { className: "note" },
        "A recorded episode; V's reconstruction of it; the dream, on the same actions. " +
          "Surprise is −log p of the real next z under M, which saw all that was real before. " +
          "Dashed: M on hold-out episodes; those are draws of z, which surprise it a little more.",
      ),
      this.most,
    );
  }

  realPart() {
    return el(
      "div",
      {},
      el(
        "p",
        { className: "note" },
        "The environment itself, V's reconstruction of what it shows, and their difference: " +
          "grey where they agree.",
      ),
    );
  }

  settings() {
    return { watch: Number(this.watchSelect.value), sync: Number(this.syncSelect.value) };
  }

  arrange(kind) {
    for (const [name, part] of Object.entries(this.parts)) part.hidden = name !== kind;
  }

  show({ kind, moment, trace }) {
    if (kind === "dream") this.showDream(moment, trace);
    if (kind === "reel") this.showReel(moment);
  }

  showDream(moment, trace) {
    const { watch } = this.settings();
    this.drawn = { watch, mixture: moment.mixture };
    this.drawMixture();
    this.charts.reward.show(trace.reward);
    this.charts.end.show(trace.endChance);
    this.rewardBox.value.textContent = plain(moment.reward ?? NaN);
    const unknown = moment.end_chance === null && moment.step > 0;
    this.endBox.value.textContent = unknown ? "not predicted" : plain(moment.end_chance ?? NaN, 3);
  }

  drawMixture() {
    const { watch } = this.settings();
    // A mixture is of the latent that was watched at that step, not of one chosen since.
    const known = this.drawn?.watch === watch ? this.drawn.mixture : null;
    this.charts.mixture.show(known);
    const text = known ? `drew ${plain(known.draw)}` : "from the next step";
    this.mixture.value.textContent = text;
  }

  showReel({ surprise, surprises }) {
    const now = `Surprise ${plain(surprise ?? NaN)} nats per dimension.`;
    const known = (surprises ?? []).map((value, latent) => [value, latent]);
    const most = known.sort((a, b) => b[0] - a[0]).slice(0, MOST_SURPRISING);
    const list = most.map(([value, latent]) => `z${latent} ${plain(value, 1)}`).join(", ");
    this.most.textContent = list ? `${now} Most: ${list}.` : now;
  }

  allow(futures) {
    this.futures.button.disabled = !futures;
  }

  close() {
    for (const chart of Object.values(this.charts)) chart.close();
  }
}
