// What stands under the picture: play and its like, who drives, and numbers.

import { el } from "./ui_dom.js";
import { choice } from "./ui_dom.js";
import { field } from "./ui_dom.js";
import { plain } from "./ui_dom.js";
import { pushButton } from "./ui_dom.js";
import { slider } from "./ui_dom.js";

const SPEEDS = [[0.25, "¼ ×"], [0.5, "½ ×"], [1, "1 ×"], [2, "2 ×"]];
const SHOWN = [["dream", "dream"], ["reel", "real | reconstruction | dream"], ["real", "real"]];
const MODES = [["agent", "the agent"], ["mixed", "both, mixed"], ["you", "you"]];

/** What is shown: a button for each source there may be; `chosen(source)` on a click. */
export function makeSwitches(sources, chosen) {
  const buttons = SHOWN.map(([kind, text]) => {
    const traits = { id: `show-${kind}`, disabled: !sources[kind] };
    return pushButton(text, () => chosen(sources[kind]), traits);
  });
  const [, reel, real] = buttons;
  if (!sources.reel) reel.title = "No recorded episode came with this agent";
  real.hidden = !sources.real;
  const traits = { className: "switches", role: "group", "aria-label": "What is shown" };
  const mark = (kind) => {
    buttons.forEach((button, i) => {
      button.setAttribute("aria-pressed", String(SHOWN[i][0] === kind));
    });
  };
  return { node: el("div", traits, ...buttons), mark };
}

/** Play, step, restart, next, and `record`, a button; `on` has a function for each of the four. */
export function makeTransport(on, record) {
  const play = pushButton("Play", on.play, { id: "play", className: "main", title: "Space" });
  const step = pushButton("Step", on.step, { id: "step", title: "." });
  const restart = pushButton("Restart", on.restart, { id: "restart", title: "R" });
  const next = pushButton("Next", on.next, { id: "next", title: "N" });
  const node = el("div", { className: "transport" }, play, step, restart, next, record);
  const show = (playing, canSkip) => {
    play.textContent = playing ? "Pause" : "Play";
    next.disabled = !canSkip;
  };
  return { node, show };
}

/** The speed, who drives, and the share of it that is yours; `on.speed(times)`, `on.mode(name)`. */
export function makeDriver(on) {
  const speed = choice("speed", SPEEDS, 1, () => on.speed(Number(speed.value)));
  const share = el("output", { className: "number" }, "0.50");
  const mix = slider("mix", 0, 1, 0.05, 0.5, () => {
    share.textContent = plain(Number(mix.value));
  });
  const update = () => {
    mix.disabled = mode.value !== "mixed";
    on.mode(mode.value);
  };
  const mode = choice("mode", MODES, "agent", update);
  mix.disabled = true;
  const fields = [
    field("Speed", speed),
    field("Who drives", mode),
    field("Your share", mix, share),
  ];
  return {
    node: el("div", { className: "drive" }, ...fields),
    mode: () => mode.value,
    mix: () => Number(mix.value),
    cycle: () => {
      mode.selectedIndex = (mode.selectedIndex + 1) % MODES.length;
      update();
    },
  };
}

/** Numbers of the present moment, each with room of its own. */
export function makeReadout() {
  const names = ["step", "score", "reward", "end chance"];
  const outputs = names.map(() => el("dd", { className: "number" }, "–"));
  const pairs = names.map((name, i) => el("div", {}, el("dt", {}, name), outputs[i]));
  const show = ({ step, score, reward, end_chance: chance }) => {
    const texts = [String(step), plain(score, 1), plain(reward), plain(chance ?? NaN, 3)];
    texts.forEach((text, i) => (outputs[i].textContent = text));
  };
  return { node: el("dl", { className: "readout" }, ...pairs), show };
}
