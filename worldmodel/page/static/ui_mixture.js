// A chart of a mixture of normal densities, and of what was drawn from it.

import { plain } from "./ui_dom.js";
import { ChartSurface } from "./ui_chart.js";
import { colours } from "./ui_chart.js";
import { fillDot } from "./ui_chart.js";
import { strokeLine } from "./ui_chart.js";

const CURVE_POINTS = 201;
const SIGMAS = 3.5;
// Components below this weight are drawn, but do not widen the axis.
const LEAST_WEIGHT = 0.01;
const MARGIN = 6;
const FOOT = 18;

function density(value, mu, sigma) {
  return Math.exp(-0.5 * ((value - mu) / sigma) ** 2) / (sigma * Math.sqrt(2 * Math.PI));
}

function sumDensity({ weights, mu, sigma }, value) {
  return weights.reduce((sum, weight, k) => sum + weight * density(value, mu[k], sigma[k]), 0);
}

/** The lowest and the highest value that the mixture is likely to give, and did. */
function extent({ weights, mu, sigma, draw }) {
  const large = weights.map((_, k) => k).filter((k) => weights[k] >= LEAST_WEIGHT);
  const low = Math.min(draw, ...large.map((k) => mu[k] - SIGMAS * sigma[k]));
  const high = Math.max(draw, ...large.map((k) => mu[k] + SIGMAS * sigma[k]));
  return [low, high];
}

/** The weighted components of a mixture, their sum, and the draw as a dot. */
export class MixtureChart extends ChartSurface {
  constructor(canvas) {
    super(canvas);
    this.mixture = null;
    this.axis = { middle: 0, half: 3 };
  }

  show(mixture) {
    this.mixture = mixture;
    if (mixture) this.fitAxis(extent(mixture));
    this.draw();
  }

  /** The axis stays until it is too narrow or far too wide, for the curves not to shake. */
  fitAxis([low, high]) {
    const { middle, half } = this.axis;
    const inside = low >= middle - half && high <= middle + half;
    if (inside && high - low > 0.5 * half) return;
    this.axis = { middle: (low + high) / 2, half: Math.max(0.75 * (high - low), 1e-3) };
  }

  draw() {
    if (!this.width) return;
    const pen = this.clear();
    const floor = this.height - FOOT;
    const { middle, half } = this.axis;
    const x = (value) => {
      return MARGIN + ((value - middle + half) / (2 * half)) * (this.width - 2 * MARGIN);
    };
    this.drawAxis(pen, x, floor);
    if (!this.mixture) return;
    const { weights, mu, sigma, draw } = this.mixture;
    const grid = Array.from({ length: CURVE_POINTS }, (_, i) => {
      return middle + half * ((2 * i) / (CURVE_POINTS - 1) - 1);
    });
    const sums = grid.map((value) => sumDensity(this.mixture, value));
    const atDraw = sumDensity(this.mixture, draw);
    const top = Math.max(...sums, atDraw, 1e-9);
    const y = (value) => floor - (value / top) * (floor - 2 * MARGIN);
    weights.forEach((weight, k) => {
      const points = grid.map((value) => [x(value), y(weight * density(value, mu[k], sigma[k]))]);
      strokeLine(pen, points, colours().muted, 1);
    });
    strokeLine(pen, grid.map((value, i) => [x(value), y(sums[i])]), colours().first, 2);
    strokeLine(pen, [[x(draw), y(atDraw)], [x(draw), floor]], colours().second, 1);
    fillDot(pen, [x(draw), y(atDraw)], colours().second, 4);
  }

  drawAxis(pen, x, floor) {
    const { middle, half } = this.axis;
    strokeLine(pen, [[MARGIN, floor], [this.width - MARGIN, floor]], colours().line, 1);
    pen.fillStyle = colours().muted;
    pen.textBaseline = "bottom";
    const places = [[middle - half, "left"], [middle, "center"], [middle + half, "right"]];
    for (const [value, align] of places) {
      pen.textAlign = align;
      pen.fillText(plain(value), x(value), this.height);
    }
  }
}
