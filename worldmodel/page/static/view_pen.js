// The tab of the pen: a text that is written, and a drawing that is gone on with.

import { el } from "./ui_dom.js";
import { GoOnPanel } from "./view_go_on.js";
import { WritePanel } from "./view_write.js";

class PenView {
  constructor(root, site) {
    const listed = site.systems.map((system, index) => ({ ...system, index }));
    const of = (wanted) => listed.filter(({ kind }) => kind === wanted);
    const [writers, pens] = [of("writing"), of("pen")];
    this.panels = [];
    if (writers.length) this.panels.push(new WritePanel(site, writers));
    if (pens.length) this.panels.push(new GoOnPanel(site, pens));
    this.node = el("div", { className: "pen" }, ...this.panels.map(({ node }) => node));
    root.replaceChildren(this.node);
  }

  rest() {
    for (const panel of this.panels) panel.rest();
  }
}

/** Shows what the site's systems do with a pen. */
export function mountPen(root, site) {
  return new PenView(root, site);
}
