// The line under the picture that says how to steer.

import { el } from "./ui_dom.js";
import { actionName } from "./ui_bars.js";

const PLAYER_KEYS = [
  ["Space", "plays"],
  [".", "steps"],
  ["R", "restarts"],
  ["N", "next"],
  ["M", "who drives"],
];

/** The keys that act, as [key, what it does]. */
function actingKeys(actions) {
  if (actions.discrete) {
    const last = Math.min(9, actions.discrete - 1);
    return [[`0–${last}`, actions.discrete <= 3 ? "or ← → act" : "act"]];
  }
  const keys = ["← →", "↑", "↓"].slice(0, actions.low.length);
  return keys.map((key, i) => [key, actionName(actions, i)]);
}

function restingHint(actions) {
  const dims = actions.discrete ? 1 : actions.low.length;
  const [up, down] = [1, 2].map((i) => (dims > i ? actionName(actions, i) : null));
  const drag = up && ` Drag up for ${up}${down ? ` and down for ${down}` : ""}.`;
  const finger = matchMedia("(pointer: coarse)").matches;
  const first = finger
    ? "Press the left or right side of the picture to steer."
    : "Click the picture to steer with the keys, or press its left or right side.";
  return first + (drag ?? "");
}

/** A line that says what the keys do while the canvas has the focus, and how to give it. */
export function makeHint(canvas, actions) {
  const resting = restingHint(actions);
  const keys = [...actingKeys(actions), ...PLAYER_KEYS].map(([key, text]) => {
    return el("span", {}, el("kbd", {}, key), text);
  });
  const node = el("p", { className: "hint" }, resting);
  const show = (focused) => {
    if (focused) node.replaceChildren(...keys);
    else node.textContent = resting;
    node.dataset.focused = focused ? "1" : "0";
  };
  // A finger has no keys to be told of.
  canvas.addEventListener("focus", () => show(!matchMedia("(pointer: coarse)").matches));
  canvas.addEventListener("blur", () => show(false));
  return node;
}
