// The dialog that chooses a square: suggested from the faces, adjusted by dragging, pinching or keys.

import { dialog, h, icon } from "../dom.js";
import { gestures } from "./gestures.js";
import { t } from "../i18n.js";
import { enqueue } from "../picture/painting.js";
import { cut, open } from "../picture/pixels.js";
import { aroundFace, byCorner, inside, middle, resized, scaled } from "./crop_geometry.js";
import { changed, state } from "../state.js";
import { rememberPicture } from "../memory/memory.js";

/** Longest side of what is shown of a crop, px. */
const SHOWN_PX = 1600;

/** Sets the crop of a picture (null: all of it) and, unless told otherwise, has it painted. */
export async function cropTo(picture, crop, { paint = true } = {}) {
  let cropped = null;
  if (crop && picture.shown) {
    const bitmap = await open(picture.shown);
    const scale = bitmap.width / picture.width;
    const blob = await cut(bitmap, scaled(crop, scale), SHOWN_PX);
    bitmap.close();
    cropped = URL.createObjectURL(blob);
  }
  if (picture.cropped) URL.revokeObjectURL(picture.cropped);
  Object.assign(picture, { crop, cropped });
  rememberPicture(picture);
  if (paint) enqueue(picture);
  changed();
}

/** Side of an avatar unless another is chosen, px. */
const USUAL_PX = 512;

/** Makes an avatar of a picture: the square around its face, or all of what is a square around a face already. */
export async function makeAvatar(picture) {
  const { width, height } = picture;
  const square = isPortrait(picture) ? middle(width, height) : inside(picture.found?.crop ?? middle(width, height), width, height);
  picture.avatar ??= { size: USUAL_PX, round: true, background: "keep" };
  // Who has not chosen a look gets the one that is made for faces.
  if (state.look.style === "meadow" && !picture.results.size && state.styles.some(({ name }) => name === "portrait")) state.look.style = "portrait";
  await cropTo(picture, square);
}

/** Back from an avatar to the whole photo. */
export function unmakeAvatar(picture) {
  picture.avatar = null;
  return cropTo(picture, null);
}

const SQUARISH = 1.12, FILLED = 0.7;

/** Whether a picture is a square around a face already. */
export function isPortrait({ width, height, found }) {
  const [short, long] = [Math.min(width, height), Math.max(width, height)];
  return long / short < SQUARISH && found?.faces.length === 1 && found.crop.side > FILLED * short;
}

export function openCrop(picture) {
  const { width, height } = picture;
  const faces = picture.found?.faces ?? [];
  const suggested = inside(picture.found?.crop ?? middle(width, height), width, height);
  let square = picture.crop ?? suggested;
  if (!picture.url) return;

  const corners = [[-1, -1], [1, -1], [-1, 1], [1, 1]].map(([right, bottom]) =>
    h("span.corner-handle", { "data-right": right, "data-bottom": bottom }));
  const frame = h("div.square", { tabIndex: 0, role: "application", "aria-label": t("cropFrame"), "aria-describedby": "crop-hint" }, corners);
  // The shade is cut at the picture's border, the corners of the square are not.
  const stage = h("div.cropstage", {}, h("div.cropview", {}, h("img", { src: picture.url, alt: "", draggable: false }), h("div.shade")), frame);
  stage.style.setProperty("--ratio", width / height);
  const size = h("input", { type: "range", min: Math.min(32, width, height), max: Math.min(width, height), step: 1, id: "crop-size" });
  const spoken = h("p.hidden", { role: "status" });

  const set = (next) => {
    square = next;
    const shares = { left: square.x / width, top: square.y / height, width: square.side / width, height: square.side / height };
    for (const [name, share] of Object.entries(shares)) stage.style.setProperty(`--${name}`, `${100 * share}%`);
    size.value = square.side;
    size.style.setProperty("--fill", (square.side - size.min) / Math.max(1, size.max - size.min));
    size.setAttribute("aria-valuetext", `${square.side} px`);
  };
  const speak = () => {
    const percent = (value, whole) => Math.round(100 * value / whole);
    spoken.textContent = t("cropSpoken", { x: percent(square.x, width), y: percent(square.y, height), side: square.side });
  };
  size.addEventListener("input", () => set(resized(square, Number(size.value), width, height)));

  frame.addEventListener("keydown", (event) => {
    const step = Math.max(1, Math.round(Math.min(width, height) * (event.shiftKey ? 0.1 : 0.02)));
    const moves = { ArrowLeft: [-step, 0], ArrowRight: [step, 0], ArrowUp: [0, -step], ArrowDown: [0, step] };
    if (event.key in moves) {
      const [dx, dy] = moves[event.key];
      set(inside({ ...square, x: square.x + dx, y: square.y + dy }, width, height));
    } else if (event.key === "+" || event.key === "=") {
      set(resized(square, square.side + 2 * step, width, height));
    } else if (event.key === "-") {
      set(resized(square, square.side - 2 * step, width, height));
    } else return;
    event.preventDefault();
    speak();
  });

  drag(stage, {
    scale: () => width / stage.clientWidth,
    move: (dx, dy) => set(inside({ ...square, x: square.x + dx, y: square.y + dy }, width, height)),
    pinch: (factor) => set(resized(square, square.side * factor, width, height)),
    corner: (right, bottom, x, y) => set(byCorner(square, right, bottom, x, y, width, height)),
  });

  const choices = h("div.buttons.choices", {},
    h("button.link", { type: "button", onclick: () => { set(suggested); speak(); } }, t("cropSuggested")),
    faces.length > 1 && faces.map((face, index) =>
      h("button.link", { type: "button", onclick: () => { set(aroundFace(face.bounds, width, height)); speak(); } }, t("cropFace", { n: index + 1 }))));
  const box = dialog(t("cropTitle"), t("close"), h("div.cropbody", {}, stage,
    h("p.hint", { id: "crop-hint" }, t("cropHint")),
    h("label.field.row", { htmlFor: "crop-size" }, t("cropSize"), size),
    choices, spoken,
    h("div.buttons", {},
      h("button.primary", { type: "button", onclick: () => { box.close(); cropTo(picture, square); } }, icon("crop"), t("cropUse")),
      h("button.soft", { type: "button", onclick: () => box.close() }, t("cancel")))));
  set(square);
  frame.focus();
}

// Fingers on the stage as moves, pinches and dragged corners, in pixels of the photo.
function drag(stage, { scale, move, pinch, corner }) {
  let held = null;
  gestures(stage, {
    start(event) {
      held = event.target.closest(".corner-handle");
      event.preventDefault();
      stage.querySelector(".square").focus({ preventScroll: true });
    },
    move(event, last) {
      if (!held) return move((event.clientX - last.clientX) * scale(), (event.clientY - last.clientY) * scale());
      const bounds = stage.getBoundingClientRect();
      corner(Number(held.dataset.right), Number(held.dataset.bottom), (event.clientX - bounds.left) * scale(), (event.clientY - bounds.top) * scale());
    },
    pinch,
  });
}
