// Two bars for each dimension of the action: what was done, and what C would do.

import { el } from "./ui_dom.js";
import { signed } from "./ui_dom.js";
import { restAction } from "./ui_hand.js";

/** What a dimension or a discrete action is called. */
export function actionName(actions, i) {
  return actions.names?.[i] ?? (actions.discrete ? `action ${i}` : `dimension ${i}`);
}

function makeRow(actions, i) {
  const low = actions.discrete ? 0 : actions.low[i];
  const high = actions.discrete ? 1 : actions.high[i];
  const rest = actions.discrete ? 0 : restAction(actions)[i];
  const share = (value) => Math.min(1, Math.max(0, (value - low) / (high - low || 1)));
  const done = el("i", { className: "bar bar-done" });
  const agent = el("i", { className: "bar bar-agent" });
  const mark = el("i", { className: "bar-rest" });
  mark.style.left = `${100 * share(rest)}%`;
  const digit = actions.discrete && i < 10 ? el("kbd", {}, String(i)) : null;
  const name = el("span", { className: "bar-name" }, digit, actionName(actions, i));
  const value = el("output", { className: "bar-value" });
  const lanes = el("span", { className: "lanes" }, mark, done, agent);
  const set = (bar, amount) => {
    const from = share(rest);
    const to = Number.isFinite(amount) ? share(amount) : from;
    bar.style.left = `${100 * Math.min(from, to)}%`;
    bar.style.width = `${100 * Math.abs(to - from)}%`;
  };
  const show = (a, b) => {
    set(done, a);
    set(agent, b);
    value.textContent = actions.discrete ? "" : signed(a);
  };
  return { node: el("li", { className: "bar-row" }, name, lanes, value), show };
}

/**
 * A list of bars: `{node, show(action, agentAction)}`; either action may be null. `aside` stands at
 * the end of the legend.
 */
export function makeBars(actions, aside) {
  const count = actions.discrete || actions.low.length;
  const rows = Array.from({ length: count }, (_, i) => makeRow(actions, i));
  const legend = el(
    "p",
    { className: "legend" },
    el("span", { className: "key key-done" }, "done"),
    el("span", { className: "key key-agent" }, "C in its place"),
    aside,
  );
  const many = count > 6 ? " bars-many" : "";
  const discrete = actions.discrete ? " bars-discrete" : "";
  const list = el("ul", { className: `bars${discrete}${many}` }, ...rows.map((row) => row.node));
  const node = el("section", { className: "acts", "aria-label": "Action" }, legend, list);
  const show = (action, agent) => {
    rows.forEach((row, i) => row.show(action?.[i], agent?.[i]));
  };
  return { node, show };
}
