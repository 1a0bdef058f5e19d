// The page: which agent, which tab, and what is said when something does not work.

import { connect } from "./connection.js";
import { choice } from "./ui_dom.js";
import { el } from "./ui_dom.js";
import { field } from "./ui_dom.js";
import { pushButton } from "./ui_dom.js";
import { sayStatus } from "./ui_dom.js";
import { mountDream } from "./view_dream.js";

// A further tab is one more line here: a name and a function that mounts it.
const TABS = [{ id: "dream", label: "Dream", mount: mountDream }];

class App {
  constructor(site) {
    this.site = site;
    this.root = document.getElementById("view");
    this.tab = TABS[0];
    this.round = 0;
    this.buttons = TABS.map((tab) => this.makeTab(tab));
    document.getElementById("tabs").replaceChildren(...this.buttons);
    this.makeAgents();
    this.markTab();
  }

  makeTab(tab) {
    const traits = { id: `tab-${tab.id}`, role: "tab", "aria-controls": "view" };
    return pushButton(tab.label, () => this.chooseTab(tab), traits);
  }

  makeAgents() {
    const place = document.getElementById("agents");
    const names = this.site.agents.map((agent, i) => [i, agent.label ?? agent.name]);
    if (names.length < 2) {
      place.replaceChildren(el("span", { className: "agent-name" }, names[0]?.[1] ?? ""));
      return;
    }
    const select = choice("agent", names, 0, () => this.open(Number(select.value)));
    place.replaceChildren(field("Agent", select));
  }

  markTab() {
    this.buttons.forEach((button, i) => {
      button.setAttribute("aria-selected", String(TABS[i] === this.tab));
    });
    this.root.setAttribute("aria-labelledby", `tab-${this.tab.id}`);
  }

  chooseTab(tab) {
    if (tab === this.tab || !this.about) return;
    this.tab = tab;
    this.markTab();
    this.mount();
  }

  mount() {
    this.view?.close();
    delete document.body.dataset.ready;
    this.view = this.tab.mount(this.root, this.engine, this.about);
  }

  /** Leaves the present agent and opens another; a choice made meanwhile wins. */
  async open(index) {
    const round = ++this.round;
    this.leave();
    const { label, name } = this.site.agents[index];
    sayStatus(`Loading ${label ?? name} …`);
    try {
      const engine = await connect(this.site, index);
      if (round !== this.round) {
        engine.close();
        return;
      }
      this.engine = engine;
      const { about } = await engine.ask({ type: "open" });
      if (round !== this.round) return;
      this.about = about;
      this.showFacts();
      this.mount();
    } catch (error) {
      if (round === this.round) sayStatus(error.message);
    }
  }

  leave() {
    this.view?.close();
    this.engine?.close();
    this.view = null;
    this.engine = null;
    this.about = null;
    delete document.body.dataset.ready;
    document.getElementById("facts").textContent = "";
  }

  showFacts() {
    const { env, z_dim: z, hidden, components, engine } = this.about;
    const where = engine === "server" ? "on the server" : "in this browser";
    const sizes = `z ${z}, hidden ${hidden}, ${components} components`;
    document.getElementById("facts").textContent = `${env} · ${sizes} · runs ${where}`;
  }
}

function startPage() {
  const site = JSON.parse(document.getElementById("site").textContent);
  if (!site.agents?.length) {
    sayStatus("This page has no agent: open it by the command `worldmodel page`.");
    return;
  }
  new App(site).open(0);
}

startPage();
