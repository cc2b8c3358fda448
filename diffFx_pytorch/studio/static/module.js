// One effect of the rack, or a routing with what is in it.
import { act, get } from "./api.js";
import { Lane } from "./automation.js";
import { drawCurve } from "./chart.js";
import { colour, dialog, h, icon, iconButton, menu, paper } from "./dom.js";
import { moves, reading } from "./format.js";
import { Knob } from "./knob.js";

const ROUTINGS = { parallel: "Parallel", dry_wet: "Dry/wet", send: "Send", ducked: "Ducked", mid_side: "Mid/side", multi_band: "Multi-band", chain: "Chain", keyed: "Keyed" };
const WRAPS = ["parallel", "dry_wet", "send", "ducked", "mid_side", "multi_band", "chain"];
const words = (name) => name.replace(/([a-z0-9])([A-Z])/g, "$1 $2").replace(/([A-Z])([A-Z][a-z])/g, "$1 $2");

/** Knobs in groups by the band that their name begins with: [["peak 1", rows], ["", rows]]. */
function groups(rows) {
  const found = [];
  for (const row of rows) {
    const band = /^((?:band|peak|tap|crossover|voice|stage|low_shelf|high_shelf|path|line)(?:_\d+)?)[._](?!hz$)(.+)$/.exec(row.name);
    const name = band && rows.filter((other) => other.name.startsWith(band[1] + "_") || other.name.startsWith(band[1] + ".")).length > 1 ? band[1].replace(/_/g, " ") : "";
    const last = found[found.length - 1];
    if (last && last[0] === name) last[1].push(row);
    else found.push([name, [row]]);
  }
  return found;
}

export class Module {
  constructor(rack, node) {
    Object.assign(this, { rack, id: node.id, knobs: new Map(), parts: new Map() });
    this.signature = Module.signature(node);
    this.build(node);
    this.update(node);
  }

  /** What may not change without building it anew. */
  static signature(node) {
    const children = node.children.map((child) => child && [child.id, Module.signature(child)]);
    return JSON.stringify([node.kind, node.effect, node.name, node.options, node.branches, node.knobs.map((k) => [k.name, k.min, k.max]), children]);
  }

  build(node) {
    const about = node.effect ? words(node.effect) : ROUTINGS[node.kind];
    this.title = node.name || about;
    this.solo = h("button", { class: "icon", "aria-pressed": "false", "aria-label": `Solo ${this.title}`, title: "Hear only this", "data-focus": `solo:${node.id}`, onclick: () => act({ op: "solo", node: this.id, on: !this.node.solo }) }, "S");
    this.power = iconButton("power", `Bypass ${this.title}`, { class: "icon power", "aria-pressed": "false", "data-focus": `power:${node.id}`, onclick: () => act({ op: "bypass", node: this.id, on: !this.node.bypass }) });
    this.auto = iconButton("wave", `Draw how ${this.title} moves`, { "aria-pressed": "false", "data-focus": `auto:${node.id}`, onclick: () => this.toggleLane() });
    const more = iconButton("more", `More for ${this.title}`, { "aria-haspopup": "menu", "data-focus": `more:${node.id}`, onclick: (event) => menu(event.currentTarget, this.menu()) });
    this.grip = h("button", { class: "grip", "aria-label": `Move ${this.title}: arrow up or down`, "data-focus": `grip:${node.id}`, html: icon("grip") });
    this.grip.addEventListener("keydown", (event) => this.rack.nudge(event, this.id));
    this.grip.addEventListener("pointerdown", (event) => this.rack.grab(event, this));
    this.readout = h("span", { "aria-hidden": "true" });
    this.meter = h("canvas", { "aria-hidden": "true" });
    const top = h("div", { class: "top" }, this.grip, h("div", { class: "title" }, h("h2", {}, this.title.replace(/_/g, " ")), node.name && h("small", {}, about)),
      h("div", { class: "lamp", title: node.family === "dynamics" ? "Gain reduction" : "Change of level" }, this.readout, this.meter), node.knobs.some((k) => k.automatable) && this.auto, this.solo, this.power, more);
    this.el = h("article", { class: `module ${node.kind}${node.knobs.length > 8 ? " many" : ""}`, style: `--family: var(--${node.family})`, "aria-label": `${this.title}, ${about}`, "data-node": node.id }, top);
    if (node.children.length) this.el.append(this.inside(node));
    const body = h("div", { class: "body" });
    if (node.has_curve) {
      this.canvas = h("canvas", { role: "img", "aria-label": `Curve of ${this.title}` });
      body.append(h("figure", { class: "curve" }, this.canvas));
    }
    if (node.knobs.length) body.append(this.knobArea(node));
    if (node.effect === "Meter") {
      this.readings = h("p", { class: "readings", "aria-label": `Readings of ${this.title}` });
      body.append(this.readings);
    }
    if (body.children.length) this.el.append(body);
    if (node.option_rows.length) this.el.append(this.options(node));
  }

  knobArea(node) {
    const area = h("div", { class: "knobs", role: "group", "aria-label": `Knobs of ${this.title}` });
    for (const [band, rows] of groups(node.knobs)) {
      const made = rows.map((row) => {
        const label = band ? row.label.replace(band, "").trim() || row.label : row.label;
        const knob = new Knob(node.id, row, this.title.replace(/_/g, " "), label, () => this.wantCurve());
        this.knobs.set(row.name, knob);
        return knob.el;
      });
      area.append(...(band ? [h("div", { class: "band", role: "group", "aria-label": band }, h("span", { "aria-hidden": "true" }, band), ...made)] : made));
    }
    return area;
  }

  options(node) {
    const rows = node.option_rows.filter((row) => row.kind !== "given");
    if (!rows.length) return "";
    return h("div", { class: "options", role: "group", "aria-label": `How ${this.title} is built` }, ...rows.map((row) => {
      const now = node.options[row.name] ?? row.default;
      const focus = { "data-focus": `option:${node.id}:${row.name}`, title: `${row.doc} ${row.legal}` };
      const set = (value) => act({ op: "option", node: this.id, option: row.name, value });
      if (row.kind === "flag") return h("label", {}, h("input", { type: "checkbox", checked: now, ...focus, onchange: (e) => set(e.target.checked) }), row.label);
      if (row.kind === "choice") {
        const choices = row.values.map((value, i) => h("option", { value: String(i), selected: value === now }, value === null ? "none" : String(value).replace(/_/g, " ")));
        return h("label", {}, row.label, h("select", { ...focus, onchange: (e) => set(row.values[+e.target.value]) }, ...choices));
      }
      return h("label", {}, row.unit ? `${row.label} (${row.unit})` : row.label, h("input", { type: "number", min: row.min, max: row.max, step: row.step, value: now ?? "", style: "width: 84px", ...focus, onchange: (e) => set(e.target.value === "" ? null : +e.target.value) }));
    }));
  }

  inside(node) {
    const box = h("div", { class: "inside" });
    node.children.forEach((child, index) => {
      const name = node.branches[index];
      if (node.kind === "chain") box.append(this.part(child));
      else {
        const branch = h("section", { class: "branch", "aria-label": name ? `Path ${name}` : "Inside", "data-into": node.id, "data-index": index }, name && h("h3", {}, name));
        branch.append(child ? this.part(child) : h("div", { class: "wire" }, "the sound itself"));
        if (node.kind !== "multi_band") {
          branch.append(h("button", { class: "add here", "aria-label": `Add an effect to ${name ? `path ${name}` : "the inside"} of ${this.title}`, "data-focus": `into:${node.id}:${index}`, onclick: () => this.rack.onadd({ into: node.id, index }) }, "+"));
          this.rack.zone(branch, node.id, index);
        }
        box.append(branch);
      }
    });
    return box;
  }

  part(child) {
    const module = new Module(this.rack, child);
    this.parts.set(child.id, module);
    return module.el;
  }

  menu() {
    const top = this.rack.nodes.findIndex((node) => node.id === this.id);
    const rows = [["Rename", () => this.rename()], ["Every knob to its default", () => this.reset()]];
    if (top >= 0) {
      rows.push(null, ["Move up", () => this.rack.move(this.id, top - 1), top === 0], ["Move down", () => this.rack.move(this.id, top + 1), top === this.rack.nodes.length - 1]);
      if (this.node.children.length) rows.push(["Take the routing apart", () => act({ op: "unwrap", node: this.id })]);
      rows.push(null, "Put into", ...WRAPS.filter((kind) => kind !== "multi_band" || this.node.kind === "effect").map((kind) => [ROUTINGS[kind], () => act({ op: "wrap", node: this.id, kind })]));
    }
    return [...rows, null, ["Remove", () => act({ op: "remove", node: this.id })]];
  }

  rename() {
    const field = h("input", { type: "text", value: this.node.name, pattern: "[A-Za-z_][A-Za-z0-9_]*", "aria-label": "Name of this effect" });
    const done = () => { box.close(); if (field.value !== this.node.name) act({ op: "rename", node: this.id, name: field.value.trim().replace(/\s+/g, "_") }); };
    field.addEventListener("keydown", (event) => event.key === "Enter" && done());
    const box = dialog(`Rename ${this.title}`, field, h("div", { class: "foot" }, h("button", { class: "primary", onclick: done }, "Rename")));
    field.select();
  }

  reset() {
    const gesture = `r${Date.now()}`;
    for (const row of this.node.knobs) act({ op: "set", node: this.id, knob: row.name, value: row.default, gesture });
  }

  toggleLane() {
    this.rack.lanes.has(this.id) ? this.rack.lanes.delete(this.id) : this.rack.lanes.add(this.id);
    this.showLane();
    this.lane?.el.scrollIntoView({ block: "nearest" });
  }

  showLane() {
    const open = this.rack.lanes.has(this.id);
    this.auto.setAttribute("aria-pressed", open);
    if (open && !this.lane) {
      this.lane = new Lane(this);
      this.el.append(this.lane.el);
    } else if (!open && this.lane) {
      this.lane.el.remove();
      this.lane = null;
    }
    this.lane?.update();
  }

  update(node) {
    this.node = node;
    for (const [name, knob] of this.knobs) knob.update(node.params[name]);
    this.el.classList.toggle("off", node.bypass);
    this.power.setAttribute("aria-pressed", node.bypass);
    this.solo.setAttribute("aria-pressed", node.solo);
    node.children.forEach((child) => child && this.parts.get(child.id)?.update(child));
    if (node.knobs.some((row) => moves(node.params[row.name])) && !this.opened) {
      this.opened = true;
      this.rack.lanes.add(this.id);
    }
    this.showLane();
    const params = JSON.stringify(node.params);
    if (params !== this.drawnFor) {
      this.drawnFor = params;
      this.wantCurve();
    }
  }

  /** The curve follows the knobs: one request at a time, the last one counts. */
  async wantCurve() {
    if (!this.canvas) return;
    if (this.asking) { this.again = true; return; }
    this.asking = true;
    do {
      this.again = false;
      await this.rack.settled();
      try { this.curve = await get(`/api/curve?node=${this.id}`); } catch { /* it is gone, or the line is */ }
      this.drawCurve();
    } while (this.again);
    this.asking = false;
  }

  drawCurve() {
    if (!this.canvas) return;
    if (this.curve === null) this.canvas.parentElement.hidden = true;
    else if (this.canvas.isConnected) drawCurve(this.canvas, this.curve, this.node.family);
    this.parts.forEach((part) => part.drawCurve());
  }

  /** Show gain and level at a place of the loop; -90 dB where nothing is known. */
  light(pictures, index) {
    const about = pictures?.steps[this.id];
    const { pen, width, height } = paper(this.meter);
    const gain = about && index >= 0 ? about.gain_db[Math.min(index, about.gain_db.length - 1)] : 0;
    const level = about && index >= 0 ? about.level_db[Math.min(index, about.level_db.length - 1)] : -90;
    pen.fillStyle = colour("strong");
    pen.fillRect(0, height - 5, Math.max(0, (1 + level / 60) * width), 5);
    const zero = this.node.family === "dynamics" ? width : width / 2, scale = width / 24;
    pen.fillStyle = colour(this.node.family) || colour("accent");
    const end = Math.min(width, Math.max(0, zero + gain * scale));
    pen.fillRect(Math.min(zero, end), 0, Math.abs(zero - end), 8);
    const said = about && index >= 0 ? `${gain > 0.05 ? "+" : ""}${gain.toFixed(1)} dB` : "";
    if (this.readout.textContent !== said) this.readout.textContent = said;
    if (this.readings) {
      const read = pictures?.meters[this.id], now = read ? reading(read) : "";
      if (this.readings.textContent !== now) this.readings.textContent = now;
    }
    this.parts.forEach((part) => part.light(pictures, index));
  }
}
