// The rack: modules in order, dragged by hand or moved by keys.
import { act, busy } from "./api.js";
import { $, h, icon, say } from "./dom.js";
import { Module } from "./module.js";

export class Rack {
  constructor() {
    this.el = $("rack");
    this.modules = new Map();
    this.nodes = [];
    this.lanes = new Set();
    this.waiters = [];
    this.slots = h("div", { class: "slots" });
    this.add = h("button", { class: "add", onclick: () => this.onadd?.(), html: `${icon("plus")}` }, "Add an effect");
    this.add.style.cssText = "display:flex;gap:8px;align-items:center;justify-content:center";
    this.empty = h("div", { class: "empty" }, h("h2", {}, "An empty rack"), h("p", {}, "Drag an effect in from the list, or begin with a preset:"),
      h("div", { class: "starts" }, ...["lead-vocal", "drum-bus", "bass", "master-gentle"].map((name) => h("button", { onclick: () => act({ op: "load", name }) }, name.replace("-", " ")))));
    this.zone(this.empty, null, 0);
    const cap = `<svg width="0" height="0" style="position:absolute" aria-hidden="true"><defs><linearGradient id="cap" x1="0" y1="0" x2="0" y2="1"><stop offset="0" stop-color="var(--knob-a)"/><stop offset="1" stop-color="var(--knob-b)"/></linearGradient></defs></svg>`;
    this.el.append(h("div", { html: cap }), this.slots, this.empty, this.add);
    new ResizeObserver(() => this.modules.forEach((module) => module.drawCurve())).observe(this.el);
  }

  /** Show the nodes of a state; what did not change keeps its elements, its focus and its grip. */
  update(nodes) {
    this.nodes = nodes;
    const focus = document.activeElement?.dataset?.focus;
    const wanted = [];
    nodes.forEach((node, index) => {
      let module = this.modules.get(node.id);
      if (!module || module.signature !== Module.signature(node)) {
        module = new Module(this, node);
        this.modules.set(node.id, module);
      } else module.update(node);
      wanted.push(this.gap(index), module.el);
    });
    wanted.push(this.gap(nodes.length));
    for (const id of [...this.modules.keys()]) if (!nodes.some((node) => node.id === id)) this.modules.delete(id);
    const shown = wanted.filter((el) => el.classList.contains("module"));
    const before = [...this.slots.children].filter((el) => el.classList.contains("module"));
    if (shown.length !== before.length || shown.some((el, i) => el !== before[i])) {
      this.slots.replaceChildren(...wanted);
      if (focus && document.activeElement?.dataset?.focus !== focus) this.el.querySelector(`[data-focus="${CSS.escape(focus)}"]`)?.focus();
      this.modules.forEach((module) => module.drawCurve());
    }
    this.slots.hidden = nodes.length === 0;
    this.empty.hidden = nodes.length > 0;
  }

  gap(index) {
    return this.zone(h("div", { class: "gap" }), null, index);
  }

  /** Let effects of the list, and modules, be dropped on an element. */
  zone(el, into, index) {
    Object.assign(el, { into, index, dropZone: true });
    el.dataset.zone = "1";
    el.addEventListener("dragover", (event) => {
      if (!event.dataTransfer.types.includes("text/x-effect")) return;
      event.preventDefault();
      event.stopPropagation();
      el.classList.add("over");
    });
    el.addEventListener("dragleave", () => el.classList.remove("over"));
    el.addEventListener("drop", (event) => {
      const effect = event.dataTransfer.getData("text/x-effect");
      el.classList.remove("over");
      if (!effect) return;
      event.preventDefault();
      event.stopPropagation();
      act({ op: "add", effect, into, index });
    });
    return el;
  }

  /** Drag a module by its grip, with mouse, pen or finger. */
  grab(event, module) {
    if (event.button) return;
    event.preventDefault();
    module.grip.setPointerCapture(event.pointerId);
    module.grip.focus();
    let target = null, began = false;
    const move = (e) => {
      if (!began && Math.hypot(e.clientX - event.clientX, e.clientY - event.clientY) < 5) return;
      began = true;
      document.body.classList.add("dragging");
      module.el.classList.add("dragged");
      target?.classList.remove("over");
      target = this.nearest(e.clientX, e.clientY, module);
      target?.classList.add("over");
      const box = this.el.getBoundingClientRect();
      if (e.clientY < box.top + 40) this.el.scrollBy(0, -12);
      if (e.clientY > box.bottom - 40) this.el.scrollBy(0, 12);
    };
    const end = () => {
      module.grip.removeEventListener("pointermove", move);
      document.body.classList.remove("dragging");
      module.el.classList.remove("dragged");
      if (!target) return;
      target.classList.remove("over");
      const from = this.nodes.findIndex((node) => node.id === module.id);
      if (target.into === null && from >= 0) this.move(module.id, target.index > from ? target.index - 1 : target.index);
      else act({ op: "move", node: module.id, into: target.into, index: target.index });
    };
    module.grip.addEventListener("pointermove", move);
    module.grip.addEventListener("lostpointercapture", end, { once: true });
  }

  nearest(x, y, module) {
    const inner = document.elementsFromPoint(x, y).find((el) => el.classList?.contains("branch") && el.dropZone && !module.el.contains(el) && !el.contains(module.el));
    if (inner) return inner;
    let best = null, distance = Infinity;
    for (const gap of this.slots.querySelectorAll(":scope > .gap")) {
      const box = gap.getBoundingClientRect(), far = Math.abs((box.top + box.bottom) / 2 - y);
      if (far < distance) [best, distance] = [gap, far];
    }
    return best;
  }

  nudge(event, id) {
    const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    const at = this.nodes.findIndex((node) => node.id === id);
    if (at >= 0) this.move(id, at + step);
  }

  move(id, index) {
    const from = this.nodes.findIndex((node) => node.id === id);
    if (from === index || index < 0 || index >= this.nodes.length) return;
    act({ op: "move", node: id, into: null, index });
    say(`moved to place ${index + 1} of ${this.nodes.length}`);
  }

  /** Resolves when the server knows all that was turned. */
  settled() {
    return busy() ? new Promise((resolve) => this.waiters.push(resolve)) : Promise.resolve();
  }

  release() {
    if (!busy()) this.waiters.splice(0).forEach((resolve) => resolve());
  }

  light(pictures, index) {
    this.modules.forEach((module) => module.light(pictures, index));
  }
}
