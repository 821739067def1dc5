// The look: a card for every style with the user's own picture in it, a second style mixed in, sliders, whether faces get
// care. What is changed is painted by itself once it rests.

import { byId, debounced, h, icon } from "../dom.js";
import { styleWords, t } from "../i18n.js";
import { asLook, rememberLook } from "../memory/memory.js";
import { enqueue, rest } from "../picture/painting.js";
import { thumbnail } from "./previews.js";
import { settings } from "../settings.js";
import { canRedo, canUndo, record, redone, undone } from "./undo.js";
import { changed, isBusy, isFresh, onChange, plainLook, sliders, state } from "../state.js";

const REST_MS = 600;

const settled = debounced(() => {
  record();
  rememberLook();
  const picture = state.selected;
  if (picture && ["done", "idle", "failed"].includes(picture.status) && !isFresh(picture) && picture.file) enqueue(picture);
  changed();
}, REST_MS);

// What is being painted with settings that hold no more would come too late; the preview shows the new ones meanwhile.
function change(act) {
  act();
  const picture = state.selected;
  if (picture && isBusy(picture) && picture.small) rest(picture);
  if (picture) picture.givenUp = false;
  changed();
  settled();
}

/** Chooses a style; the selected picture is painted in it. */
export const chooseStyle = (name) => change(() => { state.look.style = name; });

/** Takes a whole look. */
export const setLook = (look) => change(() => { Object.assign(state.look, asLook(look)); });

function step(find) {
  const look = find();
  if (look) change(() => { Object.assign(state.look, look); });
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

const medium = (name) => state.styles.find((style) => style.name === name)?.medium;

function blending() {
  const select = h("select", { id: "blend", onchange: () => change(() => { state.look.blend = select.value; }) });
  const label = h("span"), shareLabel = h("span"), value = h("output"), hint = h("span.sliderhint", { id: "hint-share" });
  const input = h("input", { type: "range", min: 0.05, max: 0.95, step: 0.05, id: "slider-share", "aria-describedby": "hint-share" });
  input.addEventListener("input", () => change(() => { state.look.share = Number(input.value); }));
  const share = h("div.slider", {}, h("label", { htmlFor: input.id }, shareLabel, value), input, hint);
  byId("blending").append(h("label.field.row", { htmlFor: "blend" }, label, select), share);
  let drawn = "";
  return () => {
    const { style, blend } = state.look;
    // Styles of one medium go together, those in screentone with none.
    const others = state.styles.filter(({ name }) => name !== style && medium(name) !== "screentone" && medium(style) !== "screentone");
    if (blend && state.styles.length && !others.some(({ name }) => name === blend)) state.look.blend = "";
    const key = JSON.stringify([document.documentElement.lang, others.map(({ name }) => name)]);
    if (key !== drawn) {
      drawn = key;
      select.replaceChildren(h("option", { value: "" }, t("blendNone")), ...others.map((other) => h("option", { value: other.name }, styleWords(other).name)));
    }
    label.textContent = t("blend");
    select.value = state.look.blend;
    select.disabled = !others.length;
    share.hidden = !state.look.blend;
    shareLabel.textContent = t("share.of", { style: styleWords({ name: state.look.blend }).name });
    value.textContent = `${Math.round(100 * state.look.share)} %`;
    hint.textContent = t("share.hint");
    if (Number(input.value) !== state.look.share) input.value = state.look.share;
    input.style.setProperty("--fill", (state.look.share - 0.05) / 0.9);
  };
}

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
      const idle = key === "saturation" && medium(state.look.style) === "screentone";
      hint.textContent = t(idle ? `${key}.none` : `${key}.hint`);
      if (key === "saturation") input.disabled = idle;
      if (Number(input.value) !== state.look[key]) input.value = state.look[key];
      value.textContent = state.look[key].toFixed(2);
      input.style.setProperty("--fill", (state.look[key] - min) / (max - min));
    };
  });
  return () => rows.forEach((draw) => draw());
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

function steps() {
  const back = h("button.round.small", { type: "button", onclick: () => step(undone) }, icon("undo"));
  const forth = h("button.round.small", { type: "button", onclick: () => step(redone) }, icon("redo"));
  byId("steps").append(back, forth);
  addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || event.target.matches?.("input:not([type=range]):not([type=radio]):not([type=checkbox])")) return;
    const key = event.key.toLowerCase();
    if (key !== "z" && key !== "y") return;
    event.preventDefault();
    step(key === "y" || event.shiftKey ? redone : undone);
  });
  return () => {
    for (const [button, key, can] of [[back, "undo", canUndo()], [forth, "redo", canRedo()]]) {
      button.disabled = !can;
      button.setAttribute("aria-label", t(key));
      button.title = t(key);
    }
  };
}

export function startLook() {
  const draws = [styleCards(), blending(), sliderRows(), faceSwitch(), steps()];
  byId("reset").addEventListener("click", () => setLook(plainLook()));
  onChange(() => {
    draws.forEach((draw) => draw());
    byId("reset").hidden = Object.entries(plainLook()).every(([key, value]) => state.look[key] === value);
  });
}
