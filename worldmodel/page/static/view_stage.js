// The pictures: one for the dream, or a square of four parts for the reel and the environment.

import { el } from "./ui_dom.js";
import { frameCanvas } from "./ui_frames.js";
import { paintFrame } from "./ui_frames.js";
import { LineChart } from "./ui_chart.js";

const CAPTIONS = {
  dream: { screen: "" },
  reel: { left: "real", right: "reconstruction", screen: "dream", chart: "surprise, nats per dim" },
  real: { screen: "real", right: "reconstruction", left: "difference", chart: "reward" },
};

function listed(vector) {
  return JSON.stringify(vector ? Array.from(vector) : null);
}

/** The stage: `arrange(kind)`, `paint(source)` and `pictures()`, the canvases to film. */
export class Stage {
  constructor(about) {
    const label = "The picture: click it to steer with the keys";
    this.screen = frameCanvas({ id: "screen", tabIndex: 0, "aria-label": label });
    this.left = frameCanvas({ "aria-label": "comparison" });
    this.right = frameCanvas({ "aria-label": "V's reconstruction" });
    const chart = el("canvas", { className: "chart", role: "img", "aria-label": "over time" });
    this.ended = el("p", { id: "ended", className: "ended", "aria-live": "polite" });
    this.cells = {
      screen: this.cell("screen", this.screen, this.ended),
      left: this.cell("left", this.left),
      right: this.cell("right", this.right),
      chart: this.cell("chart", chart),
    };
    const level = about.train_nats === null ? null : [about.train_nats, "hold-out"];
    this.charts = {
      reel: new LineChart(chart, { level }),
      real: new LineChart(chart),
    };
    const figures = Object.values(this.cells).map(({ figure }) => figure);
    this.node = el("div", { className: "stage" }, ...figures);
  }

  cell(name, ...nodes) {
    const caption = el("figcaption");
    const figure = el("figure", { className: `cell cell-${name}` }, ...nodes, caption);
    return { figure, caption };
  }

  arrange(kind) {
    this.kind = kind;
    this.node.dataset.kind = kind;
    for (const [name, { figure, caption }] of Object.entries(this.cells)) {
      const text = CAPTIONS[kind][name];
      figure.hidden = text === undefined;
      caption.textContent = text ?? "";
    }
  }

  /** Shows a source's moment, and leaves it in the canvas's data for tests. */
  paint(source) {
    const { moment, trace } = source;
    for (const [name, bytes] of Object.entries(source.pictures())) paintFrame(this[name], bytes);
    if (source.kind === "reel") this.charts.reel.show(trace.surprise);
    if (source.kind === "real") this.charts.real.show(trace.reward);
    this.ended.textContent = moment.over ? source.farewell() : "";
    Object.assign(this.screen.dataset, {
      step: moment.step,
      over: moment.over ?? "",
      action: listed(moment.action),
      agent: listed(moment.agent_action),
    });
  }

  pictures() {
    if (this.kind === "reel") return [this.left, this.right, this.screen];
    return this.kind === "real" ? [this.screen, this.right] : [this.screen];
  }

  close() {
    for (const chart of Object.values(this.charts)) chart.close();
  }
}
