// Elements, icons, toasts.
const ICONS = {
  play: '<path d="M8 5.500v13l10.500-6.500z"/>', pause: '<path d="M7 5h3.600v14H7zM13.400 5H17v14h-3.600z"/>',
  undo: '<path d="M9 14 4 9l5-5"/><path d="M4 9h10a6 6 0 0 1 0 12h-3"/>', redo: '<path d="m15 14 5-5-5-5"/><path d="M20 9H10a6 6 0 0 0 0 12h3"/>',
  theme: '<circle cx="12" cy="12" r="8"/><path d="M12 4v16a8 8 0 0 0 0-16" fill="currentColor"/>',
  grip: '<circle cx="9" cy="6" r="1.500"/><circle cx="15" cy="6" r="1.500"/><circle cx="9" cy="12" r="1.500"/><circle cx="15" cy="12" r="1.500"/><circle cx="9" cy="18" r="1.500"/><circle cx="15" cy="18" r="1.500"/>',
  power: '<path d="M12 4v8"/><path d="M7 7a7.500 7.500 0 1 0 10 0"/>', more: '<circle cx="6" cy="12" r=".9" fill="currentColor"/><circle cx="12" cy="12" r=".9" fill="currentColor"/><circle cx="18" cy="12" r=".9" fill="currentColor"/>',
  wave: '<path d="M3 17c4 0 4-10 9-10s5 6 9 6"/><circle cx="12" cy="7" r="1.800" fill="currentColor"/>', close: '<path d="m6 6 12 12M18 6 6 18"/>', plus: '<path d="M12 5v14M5 12h14"/>',
};

export function icon(name) {
  return `<svg class="i" viewBox="0 0 24 24" aria-hidden="true">${ICONS[name]}</svg>`;
}

/** An element: attributes, listeners (onclick: f), html, and children. */
export function h(tag, about = {}, ...children) {
  const el = document.createElement(tag);
  for (const [name, value] of Object.entries(about)) {
    if (value === undefined || value === null || value === false) continue;
    if (name.startsWith("on")) el.addEventListener(name.slice(2), value);
    else if (name === "html") el.innerHTML = value;
    else if (name === "value" || name === "checked") el[name] = value;
    else el.setAttribute(name, value === true ? "" : value);
  }
  el.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
  return el;
}

export const $ = (id) => document.getElementById(id);

export function iconButton(name, label, about = {}) {
  return h("button", { class: "icon", "aria-label": label, title: label, html: icon(name), ...about });
}

export function toast(text, bad = false) {
  const box = h("div", { class: bad ? "toast bad" : "toast" }, text);
  $("toasts").append(box);
  setTimeout(() => box.remove(), bad ? 9000 : 3500);
}

/** Say something to a screen reader only. */
export function say(text) {
  $("heard").textContent = text;
}

/** A dialog with a title; removed when it is closed. */
export function dialog(title, ...body) {
  const close = iconButton("close", "Close", { onclick: () => box.close() });
  const box = h("dialog", { "aria-label": title }, h("div", { class: "head" }, h("h2", {}, title), close), h("div", { class: "body" }, ...body));
  box.addEventListener("close", () => box.remove());
  box.addEventListener("click", (event) => event.target === box && box.close());
  document.body.append(box);
  box.showModal();
  return box;
}

/** A menu below an element: rows of [label, action, disabled]; null is a line, a string a heading. */
export function menu(anchor, rows) {
  const box = h("div", { class: "menu", popover: "auto", role: "menu" });
  for (const row of rows) {
    if (row === null) box.append(h("hr"));
    else if (typeof row === "string") box.append(h("h3", {}, row));
    else box.append(h("button", { role: "menuitem", disabled: row[2], onclick: () => { box.hidePopover(); row[1](); } }, row[0]));
  }
  box.addEventListener("toggle", (event) => event.newState === "closed" && setTimeout(() => box.remove()));
  box.addEventListener("keydown", (event) => {
    const items = [...box.querySelectorAll("button:not(:disabled)")];
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (!step) return;
    event.preventDefault();
    items[(items.indexOf(document.activeElement) + step + items.length) % items.length].focus();
  });
  document.body.append(box);
  box.showPopover();
  const at = anchor.getBoundingClientRect();
  box.style.left = `${Math.max(8, Math.min(at.right - box.offsetWidth, innerWidth - box.offsetWidth - 8))}px`;
  box.style.top = `${Math.max(8, Math.min(at.bottom + 4, innerHeight - box.offsetHeight - 8))}px`;
  box.querySelector("button:not(:disabled)")?.focus();
}

export const colour = (name, el = document.documentElement) => getComputedStyle(el).getPropertyValue(`--${name}`).trim();

/** A canvas at the resolution of the screen: its context, width and height in CSS pixels. */
export function paper(canvas) {
  const ratio = devicePixelRatio || 1;
  const { clientWidth: width, clientHeight: height } = canvas;
  if (canvas.width !== Math.round(width * ratio) || canvas.height !== Math.round(height * ratio)) {
    canvas.width = Math.round(width * ratio);
    canvas.height = Math.round(height * ratio);
  }
  const pen = canvas.getContext("2d");
  pen.setTransform(ratio, 0, 0, ratio, 0, 0);
  pen.clearRect(0, 0, width, height);
  return { pen, width, height };
}
