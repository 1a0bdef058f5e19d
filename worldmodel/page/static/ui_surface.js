// The square that is touched, and that shows touches: lines, and dots where fingers are now.

import { ChartSurface } from "./ui_chart.js";
import { colours } from "./ui_chart.js";
import { fillDot } from "./ui_chart.js";
import { strokeLine } from "./ui_chart.js";
import { swipesOf } from "./ui_touches.js";

const EDGE = 14; // pixels between the edge and a touch at 0 or 1
const LINGER = 0.15; // seconds that a dot stays after its last touch
const GRID = 3; // an octave each
const FAINT = 0.3;

/** The square; `on.down`, `on.move` and `on.up` get [x, y] of a finger and the time in ms. */
export class TouchSurface extends ChartSurface {
  constructor(canvas, on) {
    super(canvas);
    this.on = on;
    this.pointer = null;
    // What is shown: {touches, colour, seconds}, as far as that; all in a faint colour if null.
    this.layers = [];
    canvas.addEventListener("pointerdown", (event) => this.begin(event));
    canvas.addEventListener("pointermove", (event) => this.follow(event));
    for (const kind of ["pointerup", "pointercancel"]) {
      canvas.addEventListener(kind, (event) => this.end(event));
    }
  }

  show(layers) {
    this.layers = layers;
    this.draw();
  }

  begin(event) {
    if (this.pointer !== null || event.button !== 0) return;
    event.preventDefault();
    this.pointer = event.pointerId;
    this.canvas.setPointerCapture(event.pointerId);
    this.on.down(this.place(event), event.timeStamp);
  }

  follow(event) {
    if (event.pointerId === this.pointer) this.on.move(this.place(event), event.timeStamp);
  }

  end(event) {
    if (event.pointerId !== this.pointer) return;
    this.pointer = null;
    this.on.up();
  }

  place(event) {
    const { left, top } = this.canvas.getBoundingClientRect();
    const share = (value, size) => Math.min(Math.max((value - EDGE) / (size - 2 * EDGE), 0), 1);
    const across = event.clientX - left - this.canvas.clientLeft;
    const down = event.clientY - top - this.canvas.clientTop;
    return [share(across, this.width), share(down, this.height)];
  }

  draw() {
    if (!this.width) return;
    const pen = this.clear();
    const x = (value) => EDGE + value * (this.width - 2 * EDGE);
    const y = (value) => EDGE + value * (this.height - 2 * EDGE);
    for (let at = 0; at <= GRID; at++) {
      const across = x(at / GRID);
      strokeLine(pen, [[across, 0], [across, this.height]], colours().line, 1);
    }
    pen.lineCap = "round";
    for (const { touches, colour, seconds } of this.layers ?? []) {
      for (const swipe of swipesOf(touches)) {
        const known = swipe.filter(([, , time]) => seconds === null || time <= seconds);
        const points = known.map(([px, py]) => [x(px), y(py)]);
        this.drawSwipe(pen, points, colours()[colour], seconds);
        const last = known.at(-1);
        const now = last && seconds !== null && seconds - last[2] < LINGER;
        if (now) fillDot(pen, points.at(-1), colours()[colour], 11);
      }
    }
  }

  drawSwipe(pen, points, colour, seconds) {
    pen.globalAlpha = seconds === null ? FAINT : 1;
    if (points.length === 1) fillDot(pen, points[0], colour, 4);
    else if (points.length) strokeLine(pen, points, colour, 3);
    pen.globalAlpha = 1;
  }
}
