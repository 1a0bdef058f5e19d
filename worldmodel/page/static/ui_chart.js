// Two small charts: lines over time, and a mixture of normal densities.

import { plain } from "./ui_dom.js";

const WINDOW = 240;
const SPREADS = 4;
const CURVE_POINTS = 161;
const EDGE = 6;

const liveCharts = new Set();
let chartColours = null;

function colours() {
  if (chartColours) return chartColours;
  const style = getComputedStyle(document.documentElement);
  const get = (name) => style.getPropertyValue(name).trim();
  chartColours = {
    ink: get("--ink"),
    muted: get("--muted"),
    line: get("--line"),
    first: get("--first"),
    second: get("--second"),
    font: `12px ${get("--font")}`,
  };
  return chartColours;
}

matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
  chartColours = null;
  for (const chart of liveCharts) chart.draw();
});

/** A canvas that is as sharp as the display and is drawn again when its size changes. */
class ChartSurface {
  constructor(canvas) {
    this.canvas = canvas;
    this.width = 0;
    this.height = 0;
    this.observer = new ResizeObserver(([entry]) => {
      this.fit(entry.contentRect.width, entry.contentRect.height);
    });
    this.observer.observe(canvas);
    liveCharts.add(this);
  }

  fit(width, height) {
    if (!width || !height) return;
    this.width = width;
    this.height = height;
    this.canvas.width = Math.round(width * devicePixelRatio);
    this.canvas.height = Math.round(height * devicePixelRatio);
    this.draw();
  }

  clear() {
    const pen = this.canvas.getContext("2d");
    pen.setTransform(devicePixelRatio, 0, 0, devicePixelRatio, 0, 0);
    pen.clearRect(0, 0, this.width, this.height);
    pen.font = colours().font;
    return pen;
  }

  close() {
    this.observer.disconnect();
    liveCharts.delete(this);
  }
}

function strokeLine(pen, points, colour, width) {
  pen.beginPath();
  points.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.lineJoin = "round";
  pen.stroke();
}

/** The last steps of a series; `range` fixes the axis, `level` [value, name] is a line across. */
export class LineChart extends ChartSurface {
  constructor(canvas, { range = null, level = null, colour = "first" } = {}) {
    super(canvas);
    this.range = range;
    this.level = level;
    this.colour = colour;
    this.values = [];
  }

  show(values) {
    this.values = values;
    this.draw();
  }

  /** The axis covers all that was seen, so that it widens but does not shake. */
  limits() {
    if (this.range) return this.range;
    const known = this.values.filter((value) => Number.isFinite(value));
    if (this.level) known.push(this.level[0]);
    if (known.length === 0) return [0, 1];
    const low = known.reduce((a, b) => Math.min(a, b));
    const high = known.reduce((a, b) => Math.max(a, b));
    return high - low > 1e-9 ? [low, high] : [low - 0.5, high + 0.5];
  }

  draw() {
    if (!this.width) return;
    const pen = this.clear();
    const [low, high] = this.limits();
    const texts = [plain(high), plain(low)];
    const left = Math.max(...texts.map((text) => pen.measureText(text).width), 34) + 8;
    const y = (value) => EDGE + (1 - (value - low) / (high - low)) * (this.height - 2 * EDGE);
    const x = (i) => left + (i / (WINDOW - 1)) * (this.width - left - EDGE);
    this.drawAxis(pen, texts, left, y, [low, high]);
    const shown = this.values.slice(-WINDOW);
    const points = shown.map((value, i) => [x(i), y(value), value]);
    const known = points.filter((point) => Number.isFinite(point[2]));
    strokeLine(pen, known, colours()[this.colour], 1.75);
    const last = known.at(-1);
    if (last) this.drawDot(pen, last);
  }

  drawAxis(pen, texts, left, y, limits) {
    const { muted, line, second } = colours();
    pen.fillStyle = muted;
    pen.textAlign = "right";
    pen.textBaseline = "top";
    pen.fillText(texts[0], left - 8, 0);
    pen.textBaseline = "bottom";
    pen.fillText(texts[1], left - 8, this.height);
    const right = this.width - EDGE;
    for (const value of limits) {
      strokeLine(pen, [[left, y(value)], [right, y(value)]], line, 1);
    }
    if (!this.level) return;
    const at = y(this.level[0]);
    pen.setLineDash([4, 3]);
    strokeLine(pen, [[left, at], [right, at]], second, 1.25);
    pen.setLineDash([]);
    pen.fillStyle = second;
    pen.textBaseline = at > 20 ? "bottom" : "top";
    pen.fillText(this.level[1], right, at + (at > 20 ? -2 : 3));
  }

  drawDot(pen, [x, y]) {
    pen.beginPath();
    pen.arc(x, y, 3, 0, 2 * Math.PI);
    pen.fillStyle = colours()[this.colour];
    pen.fill();
  }
}

function density(value, mu, sigma) {
  return Math.exp(-0.5 * ((value - mu) / sigma) ** 2) / (sigma * Math.sqrt(2 * Math.PI));
}

function sumDensity({ weights, mu, sigma }, value) {
  return weights.reduce((sum, weight, k) => sum + weight * density(value, mu[k], sigma[k]), 0);
}

/** The weighted components of a mixture, their sum, and the draw as a dot. */
export class MixtureChart extends ChartSurface {
  constructor(canvas) {
    super(canvas);
    this.mixture = null;
    this.spread = 1;
  }

  show(mixture, spread) {
    this.mixture = mixture;
    this.spread = spread || 1;
    this.draw();
  }

  draw() {
    if (!this.width) return;
    const pen = this.clear();
    const floor = this.height - 18;
    // The axis belongs to the latent and not to the mixture, which would make it shake.
    const far = SPREADS * this.spread;
    const x = (value) => EDGE + ((value + far) / (2 * far)) * (this.width - 2 * EDGE);
    this.drawAxis(pen, x, floor, far);
    if (!this.mixture) return;
    const { weights, mu, sigma, draw } = this.mixture;
    const grid = Array.from({ length: CURVE_POINTS }, (_, i) => {
      return far * ((2 * i) / (CURVE_POINTS - 1) - 1);
    });
    const sums = grid.map((value) => sumDensity(this.mixture, value));
    const top = Math.max(...sums, sumDensity(this.mixture, draw), 1e-9);
    const y = (value) => floor - (value / top) * (floor - 2 * EDGE);
    const curve = (of) => grid.map((value, i) => [x(value), y(of(value, i))]);
    weights.forEach((weight, k) => {
      const component = curve((value) => weight * density(value, mu[k], sigma[k]));
      strokeLine(pen, component, colours().muted, 1);
    });
    strokeLine(pen, curve((_, i) => sums[i]), colours().first, 2);
    const at = Math.min(Math.max(x(draw), EDGE), this.width - EDGE);
    this.drawDraw(pen, at, y(sumDensity(this.mixture, draw)), floor);
  }

  drawAxis(pen, x, floor, far) {
    strokeLine(pen, [[EDGE, floor], [this.width - EDGE, floor]], colours().line, 1);
    pen.fillStyle = colours().muted;
    pen.textBaseline = "bottom";
    const places = [[-far, "left"], [0, "center"], [far, "right"]];
    for (const [value, align] of places) {
      pen.textAlign = align;
      pen.fillText(plain(value, 1), x(value), this.height);
    }
  }

  drawDraw(pen, x, y, floor) {
    const { second } = colours();
    strokeLine(pen, [[x, y], [x, floor]], second, 1);
    pen.beginPath();
    pen.arc(x, y, 4, 0, 2 * Math.PI);
    pen.fillStyle = second;
    pen.fill();
  }
}
