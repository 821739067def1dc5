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

// Where doing the same again may end differently.
const passing = new Set(["network", "queue-full", "rate-limited", "timed-out", "unavailable", "internal", "cancelled", "slow-upload", "unauthorized", "not-found",
  "gone", "page"]);

/** Whether another try can help. */
export const mayPass = ({ kind, status }) => passing.has(kind) || (!t(`error.${kind}`) && status >= 500);

/** An error as a card with buttons, under the file's name; `actions` are [text, icon, function]. */
export function errorCard(error, name, actions) {
  const { title, advice } = words(error);
  return h("div.error", { role: "alert" },
    h("p.errorfile", {}, name),
    h("p.errortitle", {}, title),
    h("p", {}, advice),
    h("div.buttons", {}, actions.map(([text, sign, act], index) =>
      h(index === 0 ? "button.primary" : "button.soft", { type: "button", onclick: act }, icon(sign), text))),
    (error.detail || error.requestId) && h("details", {}, h("summary", {}, t("details")),
      error.detail && h("p", { lang: "en" }, error.detail),
      error.requestId && h("p", {}, `${t("requestId")}: ${error.requestId}`)));
}

let timer = 0, over = () => {};

/** A short notice at the bottom; spoken by screen readers. With `label` and `act` it has a button; `gone` is called when it goes. */
export function toast(text, sign = "flower", { label, act, gone = () => {}, ms = label ? 12_000 : 6000 } = {}) {
  clearTimeout(timer);
  over();
  over = gone;
  const hide = () => { over(); over = () => {}; byId("toast").classList.remove("shown"); byId("toast").replaceChildren(); };
  byId("toast").replaceChildren(icon(sign), h("span", {}, text),
    ...(label ? [h("button.toastact", { type: "button", onclick: () => { act(); hide(); } }, label)] : []));
  byId("toast").classList.add("shown");
  timer = setTimeout(hide, ms);
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
