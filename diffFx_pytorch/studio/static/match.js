import { h } from "./dom.js";
export class Match {
  constructor() { this.el = h("div", { class: "match" }, h("p", { class: "about" }, "")); }
  draw() {}
}
