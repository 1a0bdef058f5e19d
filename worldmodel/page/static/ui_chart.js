// Charts on canvases that follow the display and its colours; lines over time.

import { plain } from "./ui_dom.js";

const WINDOW = 240;
const EDGE = 6;

const liveCharts = new Set();
let chartColours = null;

/** The page's colours and font, for drawing. */
export function colours() {
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
export class ChartSurface {
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

/** A line through [x, y] points. */
export function strokeLine(pen, points, colour, width) {
  pen.beginPath();
  points.forEach(([x, y], i) => (i ? pen.lineTo(x, y) : pen.moveTo(x, y)));
  pen.strokeStyle = colour;
  pen.lineWidth = width;
  pen.lineJoin = "round";
  pen.stroke();
}

/** A dot at [x, y]. */
export function fillDot(pen, [x, y], colour, radius) {
  pen.beginPath();
  pen.arc(x, y, radius, 0, 2 * Math.PI);
  pen.fillStyle = colour;
  pen.fill();
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
    if (last) fillDot(pen, last, colours()[this.colour], 3);
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
}
