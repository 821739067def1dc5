// The strip of the last paintings: one press shows a painting again, with the look it was painted in.

import { byId, h } from "../dom.js";
import { styleWords, t } from "../i18n.js";
import { setLook } from "../look/look.js";
import { cropTo } from "../viewer/crop.js";
import { lookKey, onChange, select, state } from "../state.js";

const SHOWN = 12;

const latest = () => state.pictures.flatMap((picture) => [...picture.results.values()].map((result) => ({ picture, result })))
  .sort((a, b) => b.result.at - a.result.at).slice(0, SHOWN);

function show({ picture, result }) {
  const crop = JSON.parse(result.key).at(-1);
  if (JSON.stringify(crop) !== JSON.stringify(picture.crop)) cropTo(picture, crop, { paint: false });
  setLook(result.look);
  select(picture);
}

export function startHistory() {
  for (const id of ["history", "welcome-history"]) {
    const title = h("h2.historytitle"), list = h("ul.paintings");
    const place = byId(id);
    place.append(title, list);
    let drawn = "";
    onChange(() => {
      const found = latest();
      place.hidden = !found.length;
      title.textContent = t("history");
      list.setAttribute("aria-label", t("history"));
      const current = state.selected && lookKey(state.selected);
      const key = JSON.stringify([document.documentElement.lang, current, found.map(({ picture, result }) => [picture.id, result.key, result.url])]);
      if (key === drawn) return;
      drawn = key;
      const focused = list.contains(document.activeElement) ? document.activeElement.dataset.key : null;
      list.replaceChildren(...found.map((each) => {
        const { picture, result } = each;
        const name = `${picture.name}, ${styleWords({ name: result.look.style }).name}`;
        const shown = picture === state.selected && result.key === current;
        return h("li", {}, h("button.painting", { type: "button", title: name, "aria-label": name, "aria-current": String(shown), "data-key": picture.id + result.key, onclick: () => show(each) },
          h("img", { src: result.url, alt: "", loading: "lazy", decoding: "async" })));
      }));
      if (focused) list.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
    });
  }
}
