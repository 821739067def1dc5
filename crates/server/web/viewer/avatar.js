// The card of an avatar: round or square, what is behind the person, which face, how large.

import { byId, h, icon } from "../dom.js";
import { t } from "../i18n.js";
import { rememberPicture } from "../memory/memory.js";
import { enqueue } from "../picture/painting.js";
import { cropTo, openCrop, unmakeAvatar } from "./crop.js";
import { aroundFace } from "./crop_geometry.js";
import { changed, onChange, state } from "../state.js";

const SIZES_PX = [256, 512, 1024, 2048];
const BACKGROUNDS = ["keep", "soft", "none", "colour"];
/** The colour that is offered first. */
const FIRST_COLOUR = "#ffd9e6";

/** Of the choices, the one that a background is. */
const choiceOf = (background) => (background.startsWith("#") ? "colour" : background);

// Has an avatar painted with another size or background.
function repaint(changes) {
  const picture = state.selected;
  Object.assign(picture.avatar, changes);
  rememberPicture(picture);
  enqueue(picture);
}

// One choice of several, as a card with a small figure of it.
function choice(name, value, onchange) {
  const input = h("input", { type: "radio", name, value, onchange });
  const words = h("span");
  return { input, words, element: h("label.shape", {}, input, h(`span.figure.as-${value}`, { "aria-hidden": "true" }), words) };
}

export function startAvatar() {
  const title = h("h2", { id: "avatar-title" });
  const shape = (value) => choice("shape", value, () => { state.selected.avatar.round = value === "round"; rememberPicture(state.selected); changed(); });
  const shapes = [shape("round"), shape("square")];
  const group = h("div.shapes", { role: "radiogroup", "aria-labelledby": "avatar-title" }, shapes.map(({ element }) => element));
  const sizeLabel = h("span");
  const size = h("select", { id: "avatar-size", onchange: () => repaint({ size: Number(size.value) }) },
    SIZES_PX.map((side) => h("option", { value: side }, `${side} × ${side}`)));
  const behindTitle = h("h3.fieldtitle", { id: "background-title" });
  // "change", not "input": what is passed over in the browser's own chooser is not painted.
  const colour = h("input", { type: "color", id: "avatar-colour", value: FIRST_COLOUR, onchange: () => repaint({ background: colour.value }) });
  const colourLabel = h("span"), colourField = h("label.field.row", { htmlFor: "avatar-colour" }, colourLabel, colour);
  const behind = BACKGROUNDS.map((value) => choice("background", value, () => repaint({ background: value === "colour" ? colour.value : value })));
  const backgrounds = h("div.shapes", { role: "radiogroup", "aria-labelledby": "background-title" }, behind.map(({ element }) => element));
  const faces = h("div.buttons.choices");
  const adjust = h("button.soft", { type: "button", onclick: () => openCrop(state.selected) });
  const whole = h("button.soft", { type: "button", onclick: () => unmakeAvatar(state.selected) });
  const place = byId("avatar");
  place.append(title, group, behindTitle, backgrounds, colourField, h("label.field.row", { htmlFor: "avatar-size" }, sizeLabel, size), faces, h("div.buttons", {}, adjust, whole));

  let drawn = "";
  onChange(() => {
    const picture = state.selected, avatar = picture?.avatar;
    place.hidden = !avatar;
    if (!avatar) return;
    title.textContent = t("avatar");
    sizeLabel.textContent = t("avatarSize");
    for (const { input, words } of shapes) {
      input.checked = (input.value === "round") === avatar.round;
      words.textContent = t(`avatar.${input.value}`);
    }
    behindTitle.textContent = t("background");
    for (const { input, words } of behind) {
      input.checked = input.value === choiceOf(avatar.background);
      words.textContent = t(`background.${input.value}`);
    }
    // Where nobody was found there is nothing to put a background behind.
    const nobody = picture.found?.faces.length === 0;
    behindTitle.hidden = backgrounds.hidden = nobody;
    colourField.hidden = nobody || choiceOf(avatar.background) !== "colour";
    colourLabel.textContent = t("backgroundColour");
    if (!colourField.hidden && colour.value !== avatar.background) colour.value = avatar.background;
    size.value = String(avatar.size);
    adjust.replaceChildren(icon("crop"), t("cropAgain"));
    whole.textContent = t("uncrop");
    const found = picture.found?.faces ?? [];
    const key = `${picture.id} ${found.length} ${document.documentElement.lang}`;
    faces.hidden = found.length < 2;
    if (key === drawn) return;
    drawn = key;
    faces.replaceChildren(...found.map((face, index) =>
      h("button.link", { type: "button", onclick: () => cropTo(picture, aroundFace(face.bounds, picture.width, picture.height)) }, t("cropFace", { n: index + 1 }))));
  });
}
