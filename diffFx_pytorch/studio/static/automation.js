// How a knob moves: points in time on a lane, drawn by hand or typed into fields.
import { act } from "./api.js";
import { h } from "./dom.js";
import { clock, firstOf, moves, text, toNorm, toValue } from "./format.js";

let gestures = 0;

export class Lane {
  constructor(module) {
    this.module = module;
    const rows = module.node.knobs.filter((row) => row.automatable);
    const moving = rows.find((row) => moves(module.node.params[row.name])) || rows[0];
    this.name = moving.name;
    this.choice = h("select", { "aria-label": `Knob of ${module.title} that moves`, onchange: () => { this.name = this.choice.value; this.update(); } },
      ...rows.map((row) => h("option", { value: row.name, selected: row.name === this.name }, row.label)));
    this.still = h("button", { onclick: () => this.send(firstOf(this.value)) }, "Hold still");
    this.more = h("button", { onclick: () => this.another() }, "Add a point");
    this.kind = h("select", { "aria-label": "How it goes on from the point that was chosen last", onchange: () => this.setKind() },
      ...["linear", "smooth", "hold"].map((kind) => h("option", { value: kind }, kind)));
    this.plot = h("div", { class: "plot", role: "group", "aria-label": `Points over time` });
    this.plot.addEventListener("dblclick", (event) => event.preventDefault());
    this.plot.addEventListener("pointerdown", (event) => event.target === this.plot || event.target.closest("svg") ? this.insert(event) : null);
    this.said = h("span", { class: "hint", role: "status" });
    this.el = h("div", { class: "lane" }, h("div", { class: "head" }, this.choice, this.kind, this.more, this.still, this.said), this.plot);
  }

  get row() { return this.module.node.knobs.find((row) => row.name === this.name); }
  get value() { return this.module.node.params[this.name]; }
  get span() { return this.module.rack.loop; }

  /** The points as [[time, value, kind], ...]; points that are spread evenly get their times. */
  get points() {
    if (this.drag) return this.drag;
    const value = this.value, seconds = this.module.rack.seconds;
    if (Array.isArray(value)) return value.map((v, i) => [(i * seconds) / Math.max(1, value.length - 1), v, "linear"]);
    return moves(value) ? value.points : [];
  }

  send(value, gesture = `a${Date.now()}-${gestures++}`) {
    act({ op: "set", node: this.module.id, knob: this.name, value, gesture }, `set:${this.module.id}:${this.name}`);
  }

  update() {
    if (!this.drag) this.draw();
  }

  place(event) {
    const box = this.plot.getBoundingClientRect(), [from, to] = this.span;
    const x = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width)), y = Math.min(1, Math.max(0, (event.clientY - box.top) / box.height));
    return [Number((from + x * (to - from)).toFixed(3)), toValue(this.row, 1 - y)];
  }

  insert(event) {
    if (event.button) return;
    event.preventDefault();
    const [at, value] = this.place(event);
    let points = this.points.map((point) => [...point]);
    if (!points.length) points = [[this.span[0], firstOf(this.value), "linear"]];
    points.push([at, value, "linear"]);
    points.sort((a, b) => a[0] - b[0]);
    this.chosen = points.findIndex((point) => point[0] === at);
    this.drag = points;
    this.draw();
    this.grab(event, this.chosen);
  }

  /** A point in the middle of the widest gap, on the line that is there: for hands without a mouse. */
  another() {
    const [from, to] = this.span, held = firstOf(this.value);
    let points = this.points.map((point) => [...point]);
    if (!points.length) points = [[from, held, "linear"]];
    const edges = [from, ...points.map((point) => point[0]).filter((at) => at > from && at < to), to];
    const widths = edges.slice(1).map((edge, i) => edge - edges[i]), gap = widths.indexOf(Math.max(...widths));
    const at = Number(((edges[gap] + edges[gap + 1]) / 2).toFixed(3));
    const after = points.findIndex((point) => point[0] > at), before = after < 0 ? points.length - 1 : after - 1;
    let value = points[Math.max(before, 0)][1];
    if (after > 0) {
      const share = (at - points[before][0]) / (points[after][0] - points[before][0]);
      value = toValue(this.row, toNorm(this.row, value) * (1 - share) + toNorm(this.row, points[after][1]) * share);
    }
    points.splice(before + 1, 0, [at, value, "linear"]);
    this.chosen = before + 1;
    this.module.node.params[this.name] = { points };
    this.draw();
    this.plot.querySelector(`[data-point="${this.chosen}"]`)?.focus();
    this.send({ points });
  }

  grab(event, index) {
    if (event.button) return;
    event.preventDefault();
    event.stopPropagation();
    this.chosen = index;
    this.drag = this.points.map((point) => [...point]);
    const gesture = `a${Date.now()}-${gestures++}`;
    this.plot.setPointerCapture(event.pointerId);
    this.send({ points: this.drag }, gesture);
    const move = (e) => {
      const [at, value] = this.place(e), before = this.drag[index - 1], after = this.drag[index + 1];
      const least = before ? before[0] + 0.001 : 0, most = after ? after[0] - 0.001 : Infinity;
      this.drag[index] = [Number(Math.min(most, Math.max(least, at)).toFixed(3)), value, this.drag[index][2]];
      this.draw();
      this.send({ points: this.drag }, gesture);
    };
    this.plot.addEventListener("pointermove", move);
    this.plot.addEventListener("lostpointercapture", () => {
      this.plot.removeEventListener("pointermove", move);
      this.module.node.params[this.name] = { points: this.drag };
      this.drag = null;
      this.draw();
    }, { once: true });
  }

  remove(index) {
    const points = this.points.filter((_, i) => i !== index);
    this.send(points.length > 1 ? { points } : points.length ? points[0][1] : this.row.default);
  }

  setKind() {
    const points = this.points.map((point) => [...point]);
    if (!points[this.chosen]) return;
    points[this.chosen][2] = this.kind.value;
    this.send({ points });
  }

  press(event, index) {
    const step = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key];
    if (event.key === "Delete" || event.key === "Backspace") {
      event.preventDefault();
      this.remove(index);
    } else if (step) {
      event.preventDefault();
      const points = this.points.map((point) => [...point]), [from, to] = this.span;
      const [before, after] = [points[index - 1]?.[0] ?? -0.001, points[index + 1]?.[0] ?? Infinity];
      points[index][0] = Number(Math.min(after - 0.001, Math.max(before + 0.001, points[index][0] + (step[0] * (to - from)) / 100)).toFixed(3));
      points[index][1] = toValue(this.row, toNorm(this.row, points[index][1]) + step[1] / 100);
      this.module.node.params[this.name] = { points };
      this.chosen = index;
      this.draw();
      this.send({ points });
    }
  }

  draw() {
    const points = this.points, [from, to] = this.span, row = this.row;
    const across = (t) => (100 * (t - from)) / (to - from || 1), down = (v) => 100 * (1 - toNorm(row, v));
    let path = "";
    if (points.length) {
      path = `M-5 ${down(points[0][1])}L${across(points[0][0])} ${down(points[0][1])}`;
      points.slice(1).forEach(([t, v], i) => {
        const [t0, v0, kind] = points[i];
        const [x0, x1, y0, y1] = [across(t0), across(t), down(v0), down(v)];
        if (kind === "hold") path += `L${x1} ${y0}L${x1} ${y1}`;
        else if (kind === "smooth") path += `C${x0 + (x1 - x0) / 3} ${y0} ${x1 - (x1 - x0) / 3} ${y1} ${x1} ${y1}`;
        else path += `L${x1} ${y1}`;
      });
      path += `L105 ${down(points.at(-1)[1])}`;
    } else path = `M0 ${down(firstOf(this.value))}L100 ${down(firstOf(this.value))}`;
    const focused = document.activeElement?.dataset?.point;
    const inside = this.plot.contains(document.activeElement);
    this.plot.innerHTML = `<svg viewBox="0 0 100 100" preserveAspectRatio="none" aria-hidden="true" style="overflow:hidden"><path class="line" d="${path}"/></svg>`;
    points.forEach(([t, v], i) => {
      if (t < from - 1e-6 || t > to + 1e-6) return;
      const button = h("button", { class: "point", "data-point": i, "aria-label": `${row.label} ${text(row, v)} at ${clock(t)}; arrows move it, Delete removes it`, title: `${text(row, v)} at ${clock(t)}`,
        style: `left:${across(t)}%;top:${down(v)}%`, onpointerdown: (e) => this.grab(e, i), ondblclick: () => this.remove(i), onkeydown: (e) => this.press(e, i), onfocus: () => { this.chosen = i; this.kind.value = points[i][2]; } });
      this.plot.append(button);
      if (inside && focused === String(i)) button.focus();
    });
    this.still.disabled = !moves(this.value);
    const shown = points[this.chosen];
    this.said.textContent = shown ? `${text(row, shown[1])} at ${clock(shown[0])}` : points.length ? `${points.length} points` : "Click into the lane to draw a point";
  }
}
