// The card of an avatar: round or square, which face, how large.

import { byId, h, icon } from "../dom.js";
import { t } from "../i18n.js";
import { rememberPicture } from "../memory/memory.js";
import { enqueue } from "../picture/painting.js";
import { cropTo, openCrop, unmakeAvatar } from "./crop.js";
import { aroundFace } from "./crop_geometry.js";
import { changed, onChange, state } from "../state.js";

const SIZES_PX = [256, 512, 1024, 2048];

export function startAvatar() {
  const title = h("h2", { id: "avatar-title" });
  const radio = (value) => {
    const input = h("input", { type: "radio", name: "shape", value, onchange: () => { state.selected.avatar.round = value === "round"; rememberPicture(state.selected); changed(); } });
    const words = h("span");
    return { input, words, element: h("label.shape", {}, input, h(`span.figure.as-${value}`, { "aria-hidden": "true" }), words) };
  };
  const shapes = [radio("round"), radio("square")];
  const group = h("div.shapes", { role: "radiogroup", "aria-labelledby": "avatar-title" }, shapes.map(({ element }) => element));
  const sizeLabel = h("span");
  const size = h("select", { id: "avatar-size", onchange: () => { state.selected.avatar.size = Number(size.value); rememberPicture(state.selected); enqueue(state.selected); } },
    SIZES_PX.map((side) => h("option", { value: side }, `${side} × ${side}`)));
  const faces = h("div.buttons.choices");
  const adjust = h("button.soft", { type: "button", onclick: () => openCrop(state.selected) });
  const whole = h("button.soft", { type: "button", onclick: () => unmakeAvatar(state.selected) });
  const place = byId("avatar");
  place.append(title, group, h("label.field.row", { htmlFor: "avatar-size" }, sizeLabel, size), faces, h("div.buttons", {}, adjust, whole));

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
