// The stage: the selected picture as photo and painting, what may be done with it on the spot (zoom, crop), and what
// went wrong with it.

import { cropTo, openCrop } from "./crop.js";
import { byId, h, icon } from "../dom.js";
import { askKey, errorCard } from "../errors.js";
import { t } from "../i18n.js";
import { read, removePicture } from "../intake/intake.js";
import { enqueue } from "../picture/painting.js";
import { beforeAfter } from "./before_after.js";
import { cropOf, isBusy, isFresh, lookKey, onChange, state } from "../state.js";

const PAN_PX = 40;

/** The best there is to show as painting: {url, badge}. */
function bestPainting(picture) {
  if (isFresh(picture)) return { url: picture.result.url, badge: null };
  if (picture.preview?.key === lookKey(picture)) return { url: picture.preview.url, badge: "previewBadge" };
  const sameCrop = (key) => cropOf(key) === JSON.stringify(picture.crop);
  if (sameCrop(picture.preview?.key) && isBusy(picture)) return { url: picture.preview.url, badge: "previewBadge" };
  if (sameCrop(picture.result?.key)) return { url: picture.result.url, badge: "staleBadge" };
  return { url: null, badge: null };
}

function again(picture) {
  const act = () => (picture.small ? enqueue(picture) : read(picture).then(() => picture.status === "reading" && enqueue(picture)));
  return () => (picture.error?.kind === "unauthorized" ? askKey(act) : act());
}

export function startViewer() {
  const pair = beforeAfter();
  const badge = h("span.badge", { hidden: true });
  const spinner = h("div.spinner", { "aria-hidden": "true" }, icon("flower", "flower"));
  const button = (name, act) => h("button.round", { type: "button", onclick: act }, icon(name));
  const zooms = [
    ["zoomIn", button("plus", () => pair.zoom.by(1.5))],
    ["zoomOut", button("minus", () => pair.zoom.by(1 / 1.5))],
    ["zoomFit", button("fit", () => pair.zoom.reset())],
  ];
  const cropButton = h("button.soft", { type: "button", onclick: () => openCrop(state.selected) });
  const wholeButton = h("button.soft", { type: "button", onclick: () => cropTo(state.selected, null) });
  const suggestion = h("p.suggestion");
  const frame = h("div.frame", { tabIndex: 0, role: "group" }, pair.element, badge, spinner);
  const trouble = h("div.trouble");
  const bar = h("div.stagebar", {}, suggestion, cropButton, wholeButton, h("div.zooms", {}, zooms.map(([, element]) => element)));
  byId("viewer").append(frame, trouble, bar);

  frame.addEventListener("keydown", (event) => {
    const moves = { ArrowLeft: [PAN_PX, 0], ArrowRight: [-PAN_PX, 0], ArrowUp: [0, PAN_PX], ArrowDown: [0, -PAN_PX] };
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "+" || event.key === "=") pair.zoom.by(1.25);
    else if (event.key === "-") pair.zoom.by(1 / 1.25);
    else if (event.key === "0") pair.zoom.reset();
    else if (event.key in moves && event.target === frame && pair.zoom.zoomed) pair.zoom.move(...moves[event.key]);
    else return;
    event.preventDefault();
  });

  let shownPicture = null, shownError = null, revealed = null;
  onChange(() => {
    const picture = state.selected;
    if (!picture) return;
    const cropKey = `${picture.id} ${JSON.stringify(picture.crop)}`;
    if (cropKey !== shownPicture) { shownPicture = cropKey; pair.zoom.reset(); }
    const { url, badge: badgeKey } = bestPainting(picture);
    const known = Boolean(picture.url);
    pair.show({ before: picture.cropped ?? picture.url, after: url, ratio: picture.crop ? 1 : known ? picture.width / picture.height : 4 / 3 });
    pair.words();
    if (url && revealed !== cropKey) { revealed = cropKey; pair.reveal(); }
    badge.hidden = !badgeKey;
    badge.textContent = badgeKey ? t(badgeKey) : "";
    frame.classList.toggle("busy", !url && (isBusy(picture) || picture.status === "reading"));
    frame.hidden = picture.status === "failed" && !known;
    bar.hidden = !known;
    frame.setAttribute("aria-label", t("viewer"));
    for (const [key, element] of zooms) { element.setAttribute("aria-label", t(key)); element.title = t(key); }

    const count = picture.found?.faces.length ?? 0;
    suggestion.hidden = !count || Boolean(picture.crop);
    suggestion.textContent = count === 1 ? t("faceFound") : t("facesFound", { n: count });
    if (picture.crop) { suggestion.hidden = false; suggestion.textContent = t("cropped", { side: Math.round(picture.crop.side) }); }
    cropButton.replaceChildren(icon("crop"), t(picture.crop ? "cropAgain" : "crop"));
    cropButton.classList.toggle("inviting", Boolean(count) && !picture.crop);
    wholeButton.hidden = !picture.crop;
    wholeButton.textContent = t("uncrop");

    // Built anew only when it is another error or language: it may hold the focus.
    const errorKey = picture.error && `${picture.id} ${picture.error.kind} ${document.documentElement.lang}`;
    if (errorKey !== shownError) {
      shownError = errorKey;
      trouble.replaceChildren(...(picture.error ? [errorCard(picture.error, [
        [t("tryAgain"), "again", again(picture)],
        [t("removeThis"), "trash", () => removePicture(picture)],
      ])] : []));
    }
  });
}
