// The look: a card for every style with the user's own picture in it, sliders, and whether faces get care.

import { byId, debounced, h, icon } from "../dom.js";
import { styleWords, t } from "../i18n.js";
import { cancel, enqueue } from "../picture/painting.js";
import { thumbnail } from "./previews.js";
import { settings } from "../settings.js";
import { changed, defaults, isBusy, isFresh, onChange, sliders, state } from "../state.js";

const paintSelected = debounced(() => { if (state.selected?.small && !isFresh(state.selected)) enqueue(state.selected); }, 300);

/** Chooses a style; the selected picture is painted in it at once. */
export function chooseStyle(name) {
  state.look.style = name;
  changed();
  paintSelected();
}

function styleCards() {
  const place = byId("styles");
  const cards = new Map();
  return () => {
    for (const style of state.styles) {
      if (!cards.has(style.name)) {
        const input = h("input", { type: "radio", name: "style", value: style.name, onchange: () => chooseStyle(style.name) });
        const image = h("img", { alt: "" });
        const [name, tag, text] = [h("span.stylename"), h("span.tag"), h("span.styletext")];
        const card = h("label.stylecard", {}, input, h("span.thumb", {}, image), h("span.stylewords", {}, name, tag, text));
        place.append(card);
        cards.set(style.name, { input, image, name, tag, text, card });
      }
      const card = cards.get(style.name), words = styleWords(style);
      for (const part of ["name", "tag", "text"]) card[part].textContent = words[part];
      card.input.checked = state.look.style === style.name;
      const url = thumbnail(style.name) ?? state.selected?.cropped ?? state.selected?.url;
      card.card.classList.toggle("pending", !thumbnail(style.name));
      if (url && card.image.getAttribute("src") !== url) card.image.src = url;
      card.image.hidden = !url;
    }
  };
}

const hasColour = () => state.styles.find(({ name }) => name === state.look.style)?.medium !== "screentone";

function sliderRows() {
  const place = byId("sliders");
  const rows = sliders.map((key) => {
    const { min, max, step } = settings[key];
    const label = h("span"), hint = h("span.sliderhint", { id: `hint-${key}` }), value = h("output");
    const input = h("input", { type: "range", min, max, step, id: `slider-${key}`, "aria-describedby": `hint-${key}` });
    input.addEventListener("input", () => change(() => { state.look[key] = Number(input.value); }));
    place.append(h("div.slider", {}, h("label", { htmlFor: input.id }, label, value), input, hint));
    return () => {
      label.textContent = t(key);
      const idle = key === "saturation" && !hasColour();
      hint.textContent = t(idle ? `${key}.none` : `${key}.hint`);
      if (key === "saturation") input.disabled = idle;
      if (Number(input.value) !== state.look[key]) input.value = state.look[key];
      value.textContent = state.look[key].toFixed(2);
      input.style.setProperty("--fill", (state.look[key] - min) / (max - min));
    };
  });
  return () => rows.forEach((draw) => draw());
}

// What is being painted with settings that hold no more would come too late; the preview shows the new ones meanwhile.
function change(act) {
  act();
  if (state.selected && isBusy(state.selected) && state.selected.small) cancel(state.selected);
  changed();
}

function faceSwitch() {
  const input = h("input", { type: "checkbox", role: "switch", id: "faces", "aria-describedby": "hint-faces" });
  const label = h("span"), hint = h("span.sliderhint", { id: "hint-faces" });
  input.addEventListener("change", () => change(() => { state.look.faces = input.checked ? "on" : "off"; }));
  byId("sliders").append(h("div.slider", {}, h("label.switch", { htmlFor: "faces" }, label, input), hint));
  return () => {
    label.textContent = t("faces");
    hint.textContent = t("faces.hint");
    input.checked = state.look.faces !== "off";
    for (const name of ["eyes", "draw"]) byId(`slider-${name}`).disabled = !input.checked;
  };
}

export function startLook() {
  const draws = [styleCards(), sliderRows(), faceSwitch()];
  const paint = h("button.primary.wide", { type: "button", onclick: () => enqueue(state.selected) });
  byId("sliders").append(paint);
  byId("reset").addEventListener("click", () => change(() => { Object.assign(state.look, defaults); }));
  onChange(() => {
    draws.forEach((draw) => draw());
    const picture = state.selected;
    paint.hidden = !picture?.small || isFresh(picture) || isBusy(picture);
    paint.replaceChildren(icon("brush"), t(picture?.result ? "paintAgain" : "paint"));
    byId("reset").hidden = Object.entries(defaults).every(([key, value]) => state.look[key] === value);
  });
}
