// The list of effects and presets: click, press Enter, or drag.
import { act, get } from "./api.js";
import { $, h } from "./dom.js";

const FAMILIES = ["eq", "dynamics", "distortion", "modulation", "delay", "reverb", "spatial", "spectral", "utility", "routing"];

export class Palette {
  constructor(added) {
    this.added = added;
    this.shows = "effects";
    this.place = {};
    $("search").addEventListener("input", () => this.draw());
    $("search").addEventListener("keydown", (event) => this.press(event));
    for (const kind of ["effects", "presets"]) $(`list-${kind}`).addEventListener("click", () => this.show(kind));
  }

  async load() {
    this.found = await get("/api/catalogue");
    this.draw();
  }

  show(kind) {
    this.shows = kind;
    for (const each of ["effects", "presets"]) $(`list-${each}`).setAttribute("aria-checked", each === kind);
    $("search").placeholder = kind === "effects" ? "Find an effect" : "Find a preset";
    this.draw();
  }

  draw() {
    const wanted = $("search").value.trim().toLowerCase();
    const fits = (...texts) => wanted.split(/\s+/).every((word) => texts.some((text) => text.toLowerCase().includes(word)));
    if (this.shows === "presets") {
      const rows = this.found.presets.filter((preset) => fits(preset.name, preset.about));
      $("palette-list").replaceChildren(...rows.map((preset) => h("button", { class: "preset", onclick: () => this.put({ op: "load", name: preset.name }) }, h("b", {}, preset.name.replace(/-/g, " ")), h("small", {}, preset.about))), ...none(rows));
      return;
    }
    const rows = this.found.effects.filter((effect) => fits(effect.label, effect.family, effect.about));
    const families = [...FAMILIES, ...new Set(rows.map((row) => row.family).filter((family) => !FAMILIES.includes(family)))];
    const parts = [];
    for (const family of families) {
      const members = rows.filter((row) => row.family === family);
      if (!members.length) continue;
      parts.push(h("h3", { id: `family-${family}` }, family === "eq" ? "EQ" : family));
      for (const effect of members) {
        const item = h("button", { class: "item", draggable: "true", title: effect.about, style: `--family: var(--${family})`, "data-effect": effect.name, "aria-label": `Add ${effect.label}. ${effect.about}`, onclick: () => this.put({ op: "add", effect: effect.name }) }, h("i"), effect.label);
        item.addEventListener("dragstart", (event) => {
          event.dataTransfer.setData("text/x-effect", effect.name);
          event.dataTransfer.effectAllowed = "copy";
          document.body.classList.add("dragging");
        });
        item.addEventListener("dragend", () => document.body.classList.remove("dragging"));
        parts.push(item);
      }
    }
    $("palette-list").replaceChildren(...parts, ...none(rows));
  }

  /** Enter adds the first that was found, Escape looks for nothing any more. */
  press(event) {
    if (event.key === "Enter") $("palette-list").querySelector("button")?.click();
    if (event.key !== "Escape") return;
    this.aim();
    $("search").value = "";
    this.draw();
  }

  /** Where the next effect goes: a path of a routing, as `add` takes it; without one to the end. */
  aim(place = {}) {
    this.place = place;
    if (place.into) this.show("effects");
    $("search").placeholder = place.into ? "Find an effect for this path" : this.shows === "effects" ? "Find an effect" : "Find a preset";
  }

  put(request) {
    act(request.op === "add" ? { ...request, ...this.place } : request);
    this.aim();
    this.added(request);
  }
}

const none = (rows) => (rows.length ? [] : [h("p", { class: "about" }, "Nothing is called so.")]);
