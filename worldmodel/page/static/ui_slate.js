// A square on which one draws with a finger, a pen or the mouse.

import { pathOf } from "./ui_ink.js";
import { svgEl } from "./ui_ink.js";

const CLOSEST = 0.004; // parts of the square between two points, at least

/** Strokes of [x, y] in parts of the square; `changed()` is called after each stroke. */
export class Slate {
  constructor({ id, label }, changed) {
    Object.assign(this, { changed, strokes: [], pointer: null });
    this.ink = svgEl("g", { class: "ink" });
    const traits = { id, class: "slate", viewBox: "0 0 1 1", role: "img", "aria-label": label };
    this.node = svgEl("svg", traits, this.ink);
    this.node.addEventListener("pointerdown", (event) => this.begin(event));
    this.node.addEventListener("pointermove", (event) => this.move(event));
    for (const kind of ["pointerup", "pointercancel"]) {
      this.node.addEventListener(kind, (event) => this.end(event));
    }
  }

  set(strokes) {
    this.strokes = strokes;
    this.pointer = null;
    this.ink.replaceChildren(...strokes.map((stroke) => svgEl("path", { d: pathOf(stroke) })));
  }

  begin(event) {
    if (this.pointer !== null || event.button !== 0) return;
    event.preventDefault();
    this.pointer = event.pointerId;
    this.node.setPointerCapture(event.pointerId);
    this.strokes = [...this.strokes, [this.place(event)]];
    this.path = svgEl("path", { d: pathOf(this.strokes.at(-1)) });
    this.ink.append(this.path);
  }

  move(event) {
    if (event.pointerId !== this.pointer) return;
    const stroke = this.strokes.at(-1);
    const [x, y] = this.place(event);
    const [beforeX, beforeY] = stroke.at(-1);
    if (Math.hypot(x - beforeX, y - beforeY) < CLOSEST) return;
    stroke.push([x, y]);
    this.path.setAttribute("d", pathOf(stroke));
  }

  end(event) {
    if (event.pointerId !== this.pointer) return;
    this.pointer = null;
    this.changed();
  }

  place(event) {
    const { left, top, width, height } = this.node.getBoundingClientRect();
    const share = (value) => Math.min(Math.max(value, 0), 1);
    return [share((event.clientX - left) / width), share((event.clientY - top) / height)];
  }
}
