// Making elements without a framework: h("button.primary", { onclick }, "text"). Text is always text, never markup.

/** An element from `tag.class.class`, properties (on… listeners, aria-… and data-… attributes) and children. */
export function h(selector, properties = {}, ...children) {
  const [tag, ...classes] = selector.split(".");
  const element = document.createElement(tag || "div");
  if (classes.length) element.className = classes.join(" ");
  for (const [name, value] of Object.entries(properties)) {
    if (value === undefined || value === null) continue;
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name in element && !name.includes("-")) element[name] = value;
    else if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

const SVG = "http://www.w3.org/2000/svg";

/** An icon of the sprite in index.html, hidden from screen readers: its button has the name. */
export function icon(name, className = "icon") {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", className);
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

export const byId = (id) => document.getElementById(id);

/** Runs `action` once the calls have stopped for `wait` milliseconds. */
export function debounced(action, wait) {
  let timer = 0;
  return (...values) => {
    clearTimeout(timer);
    timer = setTimeout(() => action(...values), wait);
  };
}

export const sleep = (milliseconds, signal) => new Promise((resolve, reject) => {
  signal?.throwIfAborted();
  const timer = setTimeout(resolve, milliseconds);
  signal?.addEventListener("abort", () => { clearTimeout(timer); reject(signal.reason); }, { once: true });
});

/** Tells a screen reader something that sighted people see anyway. */
export function say(text) {
  byId("spoken").textContent = text;
}

/** A modal dialog with a title and a close button; gone from the page when closed. */
export function dialog(title, closeLabel, content, onclose = () => {}) {
  const id = `title-${Math.random().toString(36).slice(2)}`;
  const box = h("dialog.dialog", { "aria-labelledby": id },
    h("div.dialoghead", {}, h("h2", { id }, title),
      h("button.round", { type: "button", "aria-label": closeLabel, onclick: () => box.close() }, icon("close"))),
    content);
  box.addEventListener("close", () => { box.remove(); onclose(); });
  // A press on the backdrop closes; one that began inside and slipped out does not.
  box.addEventListener("pointerdown", (event) => { if (event.target === box && event.isPrimary) box.close(); });
  document.body.append(box);
  box.showModal();
  return box;
}
