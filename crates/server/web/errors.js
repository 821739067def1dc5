// What went wrong and what to do, in the user's language. Every kind of problem has two texts, `error.kind` and
// `error.kind.do`; what the server said itself is folded away beneath, with the request's number.

import { setToken } from "./api.js";
import { byId, dialog, h, icon } from "./dom.js";
import { megabytes, megapixels, t } from "./i18n.js";
import { state } from "./state.js";

/** {title, advice} of a problem. */
export function words(error) {
  const kind = t(`error.${error.kind}`) ? error.kind : error.kind === undefined ? "page" : error.status >= 500 ? "internal" : "malformed";
  const { max_upload_bytes: bytes = 25e6, max_pixels: pixels = 50e6 } = state.limits ?? {};
  return { title: t(`error.${kind}`), advice: t(`error.${kind}.do`, { bytes: megabytes(bytes), pixels: megapixels(pixels) }) };
}

/** An error as a card with buttons; `actions` are [text, icon, function]. */
export function errorCard(error, actions) {
  const { title, advice } = words(error);
  return h("div.error", { role: "alert" },
    h("p.errortitle", {}, title),
    h("p", {}, advice),
    h("div.buttons", {}, actions.map(([text, sign, act], index) =>
      h(index === 0 ? "button.primary" : "button.soft", { type: "button", onclick: act }, icon(sign), text))),
    (error.detail || error.requestId) && h("details", {}, h("summary", {}, t("details")),
      error.detail && h("p", { lang: "en" }, error.detail),
      error.requestId && h("p", {}, `${t("requestId")}: ${error.requestId}`)));
}

let timer = 0;

/** A short notice at the bottom; spoken by screen readers. */
export function toast(text, sign = "flower") {
  clearTimeout(timer);
  byId("toast").replaceChildren(icon(sign), h("span", {}, text));
  byId("toast").classList.add("shown");
  timer = setTimeout(() => { byId("toast").classList.remove("shown"); byId("toast").replaceChildren(); }, 6000);
}

/** Asks for the server's key, then calls `again`. */
export function askKey(again) {
  const input = h("input", { type: "password", autocomplete: "off", required: true, id: "key" });
  const box = dialog(t("keyTitle"), t("close"),
    h("form", { onsubmit: (event) => { event.preventDefault(); setToken(input.value.trim()); box.close(); again(); } },
      h("p", {}, t("keyText")),
      h("label.field", { htmlFor: "key" }, t("keyLabel"), input),
      h("div.buttons", {}, h("button.primary", { type: "submit" }, t("keyUse")))));
  input.focus();
}
