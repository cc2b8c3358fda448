// A knob: drag it, turn the wheel, use the keys, type a value, double-click for the default.
import { act, waiting } from "./api.js";
import { h } from "./dom.js";
import { firstOf, moves, parse, text, toNorm, toValue } from "./format.js";

const TURN = 180; // pixels for the whole range
const polar = (norm, r) => {
  const angle = (0.75 + 1.5 * norm) * Math.PI;
  return [26 + r * Math.cos(angle), 26 + r * Math.sin(angle)];
};
const arc = (from, to) => {
  const [a, b] = [Math.min(from, to), Math.max(from, to)];
  const [x0, y0] = polar(a, 22), [x1, y1] = polar(b, 22);
  return `M${x0} ${y0}A22 22 0 ${(b - a) * 1.5 > 1 ? 1 : 0} 1 ${x1} ${y1}`;
};

let gestures = 0;

export class Knob {
  /** `node`: id of the effect; `row`: of the table; `owner`: its name, for those who listen; `label`: shown. */
  constructor(node, row, owner, label, turned) {
    Object.assign(this, { node, row, owner, turned });
    this.key = `set:${node}:${row.name}`;
    this.dial = h("div", {
      class: "dial", role: "slider", tabindex: "0", "aria-label": `${owner} ${row.label}`, title: `${row.doc} (${text(row, row.min)} to ${text(row, row.max)})`,
      "aria-valuemin": row.min, "aria-valuemax": row.max, "data-focus": this.key, "data-knob": row.name,
      html: `<svg viewBox="0 0 52 52" aria-hidden="true"><path class="track" d="${arc(0, 1)}"/><path class="arc"/><circle class="cap" cx="26" cy="26" r="15.500"/><line class="hand"/></svg>`,
    });
    this.shown = h("button", { class: "value", tabindex: "-1", "aria-label": `Type a value of ${owner} ${row.label}`, onclick: () => this.type() });
    this.el = h("div", { class: "knob" }, h("span", { class: "name", "aria-hidden": "true" }, label), this.dial, this.shown);
    this.dial.addEventListener("pointerdown", (event) => this.grab(event));
    this.dial.addEventListener("dblclick", () => this.reset());
    this.dial.addEventListener("wheel", (event) => this.wheel(event), { passive: false });
    this.dial.addEventListener("keydown", (event) => this.press(event));
  }

  get origin() {
    return this.row.min < 0 && this.row.max > 0 && this.row.curve === "linear" ? toNorm(this.row, 0) : 0;
  }

  /** Show a value of the state, unless this knob is being turned. */
  update(value) {
    if (this.held || waiting(this.key)) return;
    this.draw(value);
  }

  draw(value) {
    this.value = value;
    const number = firstOf(value), norm = toNorm(this.row, number);
    const [arcs, hand] = [this.el.querySelector(".arc"), this.el.querySelector(".hand")];
    arcs.setAttribute("d", Math.abs(norm - this.origin) > 0.002 ? arc(this.origin, norm) : "");
    const [x0, y0] = polar(norm, 6), [x1, y1] = polar(norm, 13);
    for (const [name, at] of Object.entries({ x1: x0, y1: y0, x2: x1, y2: y1 })) hand.setAttribute(name, at.toFixed(2));
    const said = moves(value) ? "moves" : text(this.row, number);
    this.el.classList.toggle("moving", moves(value));
    this.shown.textContent = said;
    this.dial.setAttribute("aria-valuenow", number);
    this.dial.setAttribute("aria-valuetext", moves(value) ? `moves, from ${text(this.row, number)}` : said);
  }

  /** Turn to a position in [0, 1], or to a value. */
  turn(norm, gesture) {
    this.to(toValue(this.row, norm), gesture);
  }

  to(value, gesture = `g${Date.now()}-${gestures++}`) {
    if (value === this.value) return;
    this.draw(value);
    act({ op: "set", node: this.node, knob: this.row.name, value, gesture }, this.key);
    this.turned?.();
  }

  reset() {
    this.to(this.row.default);
  }

  grab(event) {
    if (event.button) return;
    event.preventDefault();
    this.dial.focus();
    if (moves(this.value)) return;
    this.dial.setPointerCapture(event.pointerId);
    const gesture = `g${Date.now()}-${gestures++}`;
    let at = toNorm(this.row, firstOf(this.value)), y = event.clientY, x = event.clientX;
    this.held = true;
    const move = (e) => {
      const step = (y - e.clientY + (e.clientX - x) * 0.5) / (e.shiftKey ? TURN * 8 : TURN);
      [x, y] = [e.clientX, e.clientY];
      at = Math.min(1, Math.max(0, at + step));
      this.turn(at, gesture);
    };
    const end = () => {
      this.held = false;
      this.dial.removeEventListener("pointermove", move);
    };
    this.dial.addEventListener("pointermove", move);
    this.dial.addEventListener("lostpointercapture", end, { once: true });
  }

  wheel(event) {
    event.preventDefault();
    if (moves(this.value)) return;
    this.wheelled ??= { norm: toNorm(this.row, firstOf(this.value)), gesture: `g${Date.now()}-${gestures++}` };
    clearTimeout(this.rests);
    this.rests = setTimeout(() => (this.wheelled = null), 700);
    this.wheelled.norm = Math.min(1, Math.max(0, this.wheelled.norm - Math.sign(event.deltaY) * (event.shiftKey ? 0.002 : 0.015)));
    this.turn(this.wheelled.norm, this.wheelled.gesture);
  }

  press(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const fine = event.shiftKey ? 0.1 : 1;
    const step = { ArrowUp: 0.01, ArrowRight: 0.01, ArrowDown: -0.01, ArrowLeft: -0.01, PageUp: 0.1, PageDown: -0.1 }[event.key];
    if (/^[-+.,\d]$/.test(event.key) || event.key === "Enter") {
      event.preventDefault();
      this.type(event.key === "Enter" ? "" : event.key);
    } else if (event.key === "Backspace" || event.key === "Delete") {
      event.preventDefault();
      this.reset();
    } else if (!moves(this.value) && (step || event.key === "Home" || event.key === "End")) {
      event.preventDefault();
      const norm = toNorm(this.row, firstOf(this.value));
      const wanted = event.key === "Home" ? 0 : event.key === "End" ? 1 : norm + step * fine;
      let value = toValue(this.row, wanted);
      if (value === this.value && step) value = toValue(this.row, norm + step); // finer than its digits
      this.to(value);
    }
  }

  type(begun = "") {
    if (this.el.querySelector("input")) return;
    const before = text(this.row, firstOf(this.value));
    const field = h("input", { class: "typed", type: "text", inputmode: "decimal", value: begun || before, "aria-label": `${this.owner} ${this.row.label}, ${this.row.unit || "a number"}` });
    let over = false;
    const done = (keep) => {
      if (over) return;
      over = true;
      const value = keep ? parse(this.row, field.value) : null;
      const inside = field === document.activeElement;
      field.replaceWith(this.shown);
      if (value !== null && (keep && field.value !== before)) this.to(value);
      if (inside) this.dial.focus();
    };
    field.addEventListener("keydown", (event) => {
      event.stopPropagation();
      if (event.key === "Enter") done(true);
      if (event.key === "Escape") done(false);
    });
    field.addEventListener("blur", () => done(true));
    this.shown.replaceWith(field);
    field.focus();
    if (!begun) field.select();
  }
}
