// Looks with a name, kept on this device, and looks as links: /#look?style=skyglow&strength=0.8.

import { byId, dialog, h, icon } from "../dom.js";
import { toast } from "../errors.js";
import { t } from "../i18n.js";
import { setLook } from "./look.js";
import { asLook } from "../memory/memory.js";
import { onChange, plainLook, state } from "../state.js";

const MARK = "#look?";

function kept() {
  try {
    const list = JSON.parse(localStorage.getItem("presets"));
    return Array.isArray(list) ? list.filter(({ name }) => typeof name === "string") : [];
  } catch {
    return [];
  }
}

const keep = (list) => localStorage.setItem("presets", JSON.stringify(list));

/** The address that opens the page with a look. */
export function linkTo(look) {
  const plain = plainLook();
  const changed = Object.entries(look).filter(([name, value]) => name === "style" || (value !== plain[name] && (name !== "share" || look.blend)));
  return `${location.origin}/${MARK}${new URLSearchParams(changed)}`;
}

/** Takes the look out of the address, if there is one. */
export function takeLink() {
  if (!location.hash.startsWith(MARK)) return;
  const plain = plainLook();
  const given = Object.fromEntries([...new URLSearchParams(location.hash.slice(MARK.length))].map(([name, value]) => [name, typeof plain[name] === "number" ? Number(value) : value]));
  history.replaceState(null, "", "/");
  setLook(asLook(given));
  toast(t("linkTaken"), "brush");
}

async function share() {
  const link = linkTo(state.look);
  try {
    await navigator.clipboard.writeText(link);
    toast(t("linkCopied"), "copy");
  } catch {
    const field = h("input.linkfield", { type: "text", readOnly: true, value: link, "aria-label": t("linkTitle") });
    dialog(t("linkTitle"), t("close"), field);
    field.select();
  }
}

function askName(draw) {
  const input = h("input", { type: "text", required: true, maxLength: 40, id: "preset-name", autocomplete: "off" });
  const box = dialog(t("presetTitle"), t("close"), h("form", {
    onsubmit: (event) => {
      event.preventDefault();
      const name = input.value.trim();
      if (!name) return;
      keep([...kept().filter((preset) => preset.name !== name), { name, look: { ...state.look } }]);
      box.close();
      draw(true);
    },
  }, h("label.field", { htmlFor: "preset-name" }, t("presetName"), input), h("div.buttons", {}, h("button.primary", { type: "submit" }, t("presetKeep")))));
  input.focus();
}

export function startPresets() {
  const list = h("ul.presets");
  const add = h("button.link", { type: "button", onclick: () => askName(draw) });
  const link = h("button.link", { type: "button", onclick: share });
  byId("presets").append(list, h("div.buttons.choices", {}, add, link));
  let drawn = "";
  const draw = (anew = false) => {
    add.replaceChildren(icon("plus"), t("presetAdd"));
    link.replaceChildren(icon("link"), t("linkShare"));
    const key = document.documentElement.lang;
    if (key === drawn && anew !== true) return;
    drawn = key;
    const presets = kept();
    list.hidden = !presets.length;
    list.setAttribute("aria-label", t("presets"));
    list.replaceChildren(...presets.map(({ name, look }) => h("li.preset", {},
      h("button.soft", { type: "button", onclick: () => setLook(asLook(look)) }, name),
      h("button.remove", { type: "button", "aria-label": t("presetRemove", { name }), onclick: () => { keep(kept().filter((other) => other.name !== name)); draw(true); } }, icon("close")))));
  };
  onChange(() => draw());
}
