// Photo and painting on top of each other with a divider to drag. The divider is a range input, so that keys and screen
// readers have it for nothing; pinch, wheel, double tap and keys zoom.

import { h, icon } from "../dom.js";
import { gestures } from "./gestures.js";
import { t } from "../i18n.js";
import { Zoom } from "./zoom.js";

const NEAR_PX = 28;
const image = () => h("img", { alt: "", draggable: false });

/**
 * {element, range, zoom, show({before, after, ratio}), startAt(percent), reveal(), words(style)}. `before` and `after` are URLs (null: none yet),
 * `ratio` is width / height; words() writes the texts in the language of the day, and says the style where there are several.
 * startAt() sets the divider unless somebody has moved it. An `element` that holds both layers already gets its divider.
 */
export function beforeAfter({ start = 50, zoomable = true, element = h("div.split", {}, h("div.layer.photo", {}, image()), h("div.layer.painting", {}, image())) } = {}) {
  const [before, after] = element.querySelectorAll(".layer img");
  const range = h("input.splitrange", { type: "range", min: 0, max: 100, step: 1, value: start });
  const handle = h("div.handle", { "aria-hidden": "true" }, h("span.grip", {}, icon("arrows")));
  const beforeTag = h("span.corner.left", { "aria-hidden": "true" });
  const afterTag = h("span.corner.right", { "aria-hidden": "true" });
  element.append(range, handle, beforeTag, afterTag);

  const zoom = new Zoom(() => [element.clientWidth, element.clientHeight], () => {
    for (const image of [before, after]) image.style.transform = `translate(${zoom.x}px, ${zoom.y}px) scale(${zoom.scale})`;
    element.classList.toggle("zoomed", zoom.zoomed);
  });

  const place = () => {
    const { value } = range;
    element.style.setProperty("--at", `${value}%`);
    range.setAttribute("aria-valuetext", t("split.value", { n: 100 - value }));
    element.classList.toggle("atleft", value < 14);
    element.classList.toggle("atright", value > 86);
  };
  let moved = false;
  range.addEventListener("input", () => { moved = true; place(); });
  const startAt = (percent) => {
    if (moved) return;
    range.value = Math.round(percent);
    place();
  };
  // The painting comes in from the right, once; whoever takes the divider has it at once.
  const reveal = () => {
    element.style.setProperty("--at", "100%");
    void element.offsetWidth;
    element.classList.add("revealing");
    place();
  };
  for (const end of ["pointerdown", "input", "transitionend"]) element.addEventListener(end, () => element.classList.remove("revealing"));
  const moveTo = (clientX) => {
    const box = element.getBoundingClientRect();
    moved = true;
    range.value = Math.round(100 * (clientX - box.left) / box.width);
    place();
  };

  // One finger drags the divider, or the picture when zoomed in and away from the divider; two fingers pinch.
  let drags = null;
  gestures(element, {
    start(event) {
      if (event.target.closest("button")) return false;
      const box = element.getBoundingClientRect();
      const distance = Math.abs(event.clientX - box.left - box.width * range.value / 100);
      drags = zoom.zoomed && distance > NEAR_PX ? "picture" : "divider";
      if (drags === "divider" && event.pointerType === "mouse") { event.preventDefault(); range.focus({ preventScroll: true }); moveTo(event.clientX); }
    },
    move(event, last, count) {
      if (drags === "picture") zoom.move(event.clientX - last.clientX, event.clientY - last.clientY);
      else if (count === 1) moveTo(event.clientX);
    },
    pinch(factor, clientX, clientY) {
      if (!zoomable) return;
      const box = element.getBoundingClientRect();
      zoom.by(factor, clientX - box.left, clientY - box.top);
    },
  });

  if (zoomable) {
    element.addEventListener("dblclick", (event) => {
      const box = element.getBoundingClientRect();
      if (zoom.zoomed) zoom.reset();
      else zoom.by(2.5, event.clientX - box.left, event.clientY - box.top);
    });
    element.addEventListener("wheel", (event) => {
      // A plain wheel scrolls the page unless one is already looking close.
      if (!event.ctrlKey && !zoom.zoomed) return;
      event.preventDefault();
      const box = element.getBoundingClientRect();
      zoom.by(Math.exp(-event.deltaY / 300), event.clientX - box.left, event.clientY - box.top);
    }, { passive: false });
  }

  const words = (style) => {
    range.setAttribute("aria-label", style ? t("split.of", { style }) : t("split"));
    beforeTag.textContent = t("before");
    afterTag.textContent = t("after");
    place();
  };
  const source = (image, url) => {
    if ((image.getAttribute("src") ?? null) === url) return;
    if (url) image.src = url;
    else image.removeAttribute("src");
  };
  const show = (pictures) => {
    source(before, pictures.before);
    source(after, pictures.after);
    element.style.setProperty("--ratio", pictures.ratio);
    element.classList.toggle("single", !pictures.after);
    range.disabled = !pictures.after;
  };
  words();
  return { element, range, zoom, show, startAt, reveal, words };
}
