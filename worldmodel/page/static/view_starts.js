// The pictures of the places where a dream may begin.

import { el } from "./ui_dom.js";
import { pushButton } from "./ui_dom.js";
import { frameCanvas } from "./ui_frames.js";
import { frameCount } from "./ui_frames.js";
import { paintFrame } from "./ui_frames.js";

/** The strip of starts; `chosen(k)` is called when one is clicked. */
export function makeStarts(count, chosen) {
  const pictures = Array.from({ length: count }, () => frameCanvas({ "aria-hidden": "true" }));
  const buttons = pictures.map((picture, k) => {
    const traits = { className: "start", "aria-label": `start ${k + 1}` };
    const button = pushButton("", (event) => chosen(k, event), traits);
    button.append(picture);
    return button;
  });
  const node = el("div", { id: "starts", role: "group", "aria-label": "Starts" }, ...buttons);
  const fill = (frames) => {
    const known = Math.min(count, frameCount(frames));
    for (let k = 0; k < known; k++) paintFrame(pictures[k], frames, k);
  };
  const mark = (k) => {
    buttons.forEach((button, i) => button.setAttribute("aria-pressed", String(i === k)));
  };
  return { node, fill, mark };
}
