// Beside the rack: what it is in words, as YAML and as Python; the spectrum.
import { act } from "./api.js";
import { chart } from "./chart.js";
import { $, colour, h, toast } from "./dom.js";

export class Side {
  constructor(match) {
    this.match = match;
    this.views = { words: "In words", yaml: "YAML", python: "Python", match: "Match" };
    this.view = "words";
    this.tabs = Object.fromEntries(Object.entries(this.views).map(([name, label]) => [name, h("button", { role: "tab", id: `tab-${name}`, "aria-controls": "panel", onclick: () => this.show(name) }, label)]));
    $("tabs").append(...Object.values(this.tabs));
    $("tabs").addEventListener("keydown", (event) => {
      const names = Object.keys(this.views), step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      this.show(names[(names.indexOf(this.view) + step + names.length) % names.length]);
      this.tabs[this.view].focus();
    });
    new ResizeObserver(() => this.drawSpectrum()).observe($("spectrum"));
    this.show("words");
  }

  show(name) {
    this.view = name;
    for (const [each, tab] of Object.entries(this.tabs)) {
      tab.setAttribute("aria-selected", each === name);
      tab.tabIndex = each === name ? 0 : -1;
    }
    $("panel").setAttribute("aria-labelledby", `tab-${name}`);
    this.shown = null;
    this.draw();
  }

  update(state) {
    this.state = state;
    this.draw();
  }

  draw() {
    const state = this.state, panel = $("panel");
    if (this.view === "match") {
      if (this.shown !== "match") panel.replaceChildren(this.match.el);
      this.shown = "match";
      this.match.draw();
      return;
    }
    if (!state || panel.querySelector("textarea")) return;
    const said = state.texts[this.view];
    if (this.shown === this.view + said + state.about) return;
    this.shown = this.view + said + state.about;
    if (this.view === "words") panel.replaceChildren(...this.words(state));
    else {
      const tools = h("div", { class: "tools" }, h("button", { onclick: () => this.copy(said) }, "Copy"));
      if (this.view === "yaml") tools.append(h("button", { onclick: () => this.edit(said) }, "Edit"));
      panel.replaceChildren(tools, h("pre", { tabindex: "0", "aria-label": this.views[this.view] }, said));
    }
  }

  words(state) {
    const rows = state.texts.words.split("\n").filter(Boolean).map((line) => {
      const found = /^(\s*)([\w.]+): ?(.*)$/.exec(line);
      if (!found) return h("li", {}, line.trim());
      return h("li", { class: found[1] ? "in" : "" }, h("b", {}, found[2].replace(/_/g, " ")), found[3].charAt(0).toUpperCase() + found[3].slice(1));
    });
    return [state.about && h("p", { class: "about" }, state.about), h("ul", { class: "words" }, ...rows)].filter(Boolean);
  }

  async copy(said) {
    try {
      await navigator.clipboard.writeText(said);
      toast("Copied");
    } catch {
      toast("The browser does not let this page copy: select the text instead", true);
    }
  }

  edit(said) {
    const field = h("textarea", { value: said, spellcheck: "false", "aria-label": "The rack as YAML" });
    const close = () => { this.shown = null; field.remove(); this.draw(); };
    $("panel").replaceChildren(h("div", { class: "tools" }, h("button", { class: "primary", onclick: () => { act({ op: "load", text: field.value }); close(); } }, "Use this"), h("button", { onclick: close }, "Leave it")), field);
    field.focus();
  }

  spectra(pictures) {
    this.pictures = pictures;
    this.drawSpectrum();
  }

  drawSpectrum() {
    const found = this.pictures, canvas = $("spectrum");
    const empty = { x: [20, 20000], y: [-200, -200], colour: "transparent" };
    const lines = found ? ["dry", "wet"].map((which) => ({ x: found[which].spectrum.hz, y: found[which].spectrum.db, colour: colour(which), fill: which === "dry" && "floor", width: which === "wet" ? 2 : 1.4 })) : [empty];
    const top = found ? Math.max(-12, ...found.dry.spectrum.db, ...found.wet.spectrum.db) + 3 : 0;
    chart(canvas, lines, { xLabel: "(Hz)", yLabel: "(dB)", xLog: true, xRange: [20, 20000], yRange: [top - 78, top] });
  }
}
