// Strokes as SVG, drawn as time goes by.

const SVG = "http://www.w3.org/2000/svg";
const SHORTEST = 1e-3; // a line of no length is drawn by some browsers only

/** An SVG element with attributes and children. */
export function svgEl(tag, traits = {}, ...children) {
  const node = document.createElementNS(SVG, tag);
  for (const [name, value] of Object.entries(traits)) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

/** Path data through points [x, y]; a single point is a dot. */
export function pathOf(points) {
  const written = points.map(([x, y]) => `${round(x)} ${round(y)}`);
  const dot = points.length === 1 ? `l${SHORTEST} 0` : "";
  return `M${written.join("L")}${dot}`;
}

/** The box [x, y, width, height] around strokes, with a margin in parts of its larger side. */
export function boxOf(strokes, margin = 0.05) {
  const points = strokes.flat();
  const [left, right] = rangeOf(points, 0);
  const [top, bottom] = rangeOf(points, 1);
  const side = Math.max(right - left, bottom - top, 1e-6);
  const edge = side * margin;
  return [left - edge, top - edge, right - left + 2 * edge, bottom - top + 2 * edge];
}

/** The smallest square around a box. */
export function squareOf([x, y, width, height]) {
  const side = Math.max(width, height);
  return [x - (side - width) / 2, y - (side - height) / 2, side, side];
}

/** Strokes of [x, y] as strokes of [x, y, seconds], drawn at a speed from a time on. */
export function timed(strokes, speed, start = 0) {
  let [time, before] = [start, null];
  return strokes.map((stroke) => stroke.map((point) => {
    if (before) time += Math.hypot(point[0] - before[0], point[1] - before[1]) / speed;
    before = point;
    return [point[0], point[1], time];
  }));
}

/** When the last point of timed strokes is drawn. */
export function endOf(strokes) {
  return strokes.at(-1)?.at(-1)?.[2] ?? 0;
}

/** Timed strokes in an SVG element; `show(seconds)` draws as far as that. */
export class Trace {
  constructor(className) {
    this.node = svgEl("g", { class: className });
    this.set([]);
  }

  set(strokes) {
    this.strokes = strokes;
    this.paths = strokes.map(() => svgEl("path", { d: "" }));
    this.node.replaceChildren(...this.paths);
    // Strokes before it are drawn already.
    this.at = 0;
  }

  show(seconds) {
    while (this.at < this.strokes.length) {
      const stroke = this.strokes[this.at];
      const drawn = stroke.filter(([, , time]) => time <= seconds);
      const next = stroke[drawn.length];
      if (next && drawn.length) drawn.push(between(drawn.at(-1), next, seconds));
      if (drawn.length) this.paths[this.at].setAttribute("d", pathOf(drawn));
      if (next) return;
      this.at++;
    }
  }
}

/** Runs `show(seconds)` at each new frame, up to some seconds; the whole at once if so wished. */
export class Animation {
  constructor() {
    this.round = 0;
  }

  run(seconds, show) {
    const round = ++this.round;
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) {
      show(seconds);
      return Promise.resolve(true);
    }
    const start = performance.now();
    return new Promise((resolve) => {
      const turn = () => {
        if (round !== this.round) return resolve(false);
        const now = (performance.now() - start) / 1000;
        show(Math.min(now, seconds));
        if (now >= seconds) return resolve(true);
        return requestAnimationFrame(turn);
      };
      turn();
    });
  }

  stop() {
    this.round++;
  }
}

function between([x, y, from], [nextX, nextY, to], now) {
  const share = (now - from) / Math.max(to - from, 1e-9);
  return [x + share * (nextX - x), y + share * (nextY - y)];
}

function rangeOf(points, axis) {
  const values = points.map((point) => point[axis]);
  return values.length ? [Math.min(...values), Math.max(...values)] : [0, 1];
}

function round(value) {
  return Number(value.toFixed(3));
}
