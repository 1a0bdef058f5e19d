// Elements, and the words and numbers that stand in them.

/** An element with properties (or attributes where it has no such property) and children. */
export function el(tag, traits = {}, ...children) {
  const node = document.createElement(tag);
  for (const [key, value] of Object.entries(traits)) {
    if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
    else if (key in node) node[key] = value;
    else node.setAttribute(key, value);
  }
  node.append(...children.filter((child) => child !== null));
  return node;
}

/** A button that reports clicks; `traits` as for `el`. */
export function pushButton(text, onclick, traits = {}) {
  return el("button", { type: "button", onclick, ...traits }, text);
}

/** A select of [value, text] pairs. */
export function choice(id, options, value, onchange) {
  const items = options.map(([key, text]) => el("option", { value: String(key) }, text));
  const node = el("select", { id, onchange }, ...items);
  node.value = String(value);
  return node;
}

/** A slider; the range is set before the value, which the browser would clip otherwise. */
export function slider(id, low, high, step, value, oninput) {
  const range = { type: "range", min: low, max: high, step };
  return el("input", { ...(id ? { id } : {}), ...range, value, oninput });
}

/** A control, which needs an id, under its label, with an optional output at the label's end. */
export function field(text, control, output = null) {
  const head = el("span", { className: "field-head" }, el("span", {}, text), output);
  // Named by its id: a label takes the first control inside for its own, which an output is too.
  return el("label", { className: "field", htmlFor: control.id }, head, control);
}

/** A number with a sign of the same width for both signs, as "+1.25" or "−0.50". */
export function signed(value, digits = 2) {
  if (!Number.isFinite(value)) return "–";
  return (value < 0 ? "−" : "+") + Math.abs(value).toFixed(digits);
}

/** A number without a plus sign. */
export function plain(value, digits = 2) {
  if (!Number.isFinite(value)) return "–";
  return (value < 0 ? "−" : "") + Math.abs(value).toFixed(digits);
}

/** Puts a sentence into the status line; an empty one clears it. */
export function sayStatus(sentence) {
  document.getElementById("status").textContent = sentence;
}
