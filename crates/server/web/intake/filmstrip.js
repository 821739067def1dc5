// The strip of all pictures when there are several: what state each is in, choose one, remove one, add more.

import { openCamera } from "./camera.js";
import { byId, h, icon } from "../dom.js";
import { styleWords, t } from "../i18n.js";
import { choosePhotos, removePictures } from "./intake.js";
import { enqueue } from "../picture/painting.js";
import { isBusy, isFresh, onChange, resultOf, select, state } from "../state.js";

const statusKey = (picture) => {
  const { status } = picture;
  if (status === "asleep" || status === "done") return picture.results.size ? (isFresh(picture) ? "status.done" : "status.stale") : "status.idle";
  return `status.${picture.status}`;
};

const signs = { failed: "alert", done: "flower", stale: "again" };

// One cell a picture, kept: rebuilt cells would lose the focus at every step of progress.
const cells = new Map();

function cell(picture) {
  const image = h("img", { alt: "" });
  const sign = h("span.sign", { "aria-hidden": "true" });
  const meter = h("span.meter", { "aria-hidden": "true" });
  const look = h("span.celllook");
  const choose = h("button.frame", { type: "button", onclick: () => select(picture) }, image, meter, sign);
  const remove = h("button.remove", { type: "button", onclick: () => removePictures([picture]) }, icon("close"));
  const element = h("li.cell", {}, choose, remove, look);
  return { element, draw };

  function draw(index) {
    const result = resultOf(picture) ?? picture.result;
    const url = result?.url ?? picture.cropped ?? picture.url;
    const name = result ? styleWords({ name: result.look.style }).name : "";
    look.textContent = name;
    if (url && image.getAttribute("src") !== url) image.src = url;
    image.hidden = !url;
    const key = statusKey(picture).slice(7);
    element.dataset.status = key;
    sign.replaceChildren(...(signs[key] ? [icon(signs[key])] : []));
    meter.style.setProperty("--done", picture.job?.progress ?? 0);
    meter.hidden = !isBusy(picture);
    choose.setAttribute("aria-label", `${t("photoNumber", { n: index + 1, name: picture.name })}, ${t(statusKey(picture))}${name && `, ${name}`}`);
    choose.setAttribute("aria-current", String(picture === state.selected));
    choose.title = picture.name;
    remove.setAttribute("aria-label", t("remove", { name: picture.name }));
  }
}

export function startFilmstrip() {
  const list = h("ul.cells");
  const more = h("button.more", { type: "button", onclick: () => choosePhotos() }, icon("plus"), h("span"));
  const shoot = h("button.more", { type: "button", onclick: openCamera }, icon("camera"), h("span"));
  const all = h("button.soft", { type: "button", onclick: () => outdated().forEach(enqueue) });
  const overall = h("p.overall");
  byId("film").append(h("div.cellrow", {}, list, h("div.mores", {}, more, shoot)), h("div.filmbar", {}, overall, all));

  const outdated = () => state.pictures.filter((picture) => !isFresh(picture) && !isBusy(picture) && ["done", "idle", "asleep"].includes(picture.status));

  onChange(() => {
    for (const [picture, { element }] of cells) if (!state.pictures.includes(picture)) { element.remove(); cells.delete(picture); }
    state.pictures.forEach((picture, index) => {
      if (!cells.has(picture)) cells.set(picture, cell(picture));
      const { element, draw } = cells.get(picture);
      // What is remembered or had back stands before what came in meanwhile.
      if (list.children[index] !== element) list.insertBefore(element, list.children[index] ?? null);
      draw(index);
    });
    list.setAttribute("aria-label", t("photos"));
    more.lastChild.textContent = t("more");
    shoot.lastChild.textContent = t("camera");
    const several = state.pictures.length > 1;
    byId("film").classList.toggle("several", several);
    overall.hidden = !several;
    overall.textContent = t("overall", { done: state.pictures.filter(isFresh).length, all: state.pictures.length, look: styleWords({ name: state.look.style }).name });
    const count = outdated().length;
    all.hidden = !several || count === 0;
    all.replaceChildren(icon("brush"), t("paintAll", { n: count }));
  });
}
