// The stage: the selected picture as photo and painting, what may be done with it on the spot (zoom, full screen, crop), and
// what went wrong with it.

import { cropTo, isPortrait, makeAvatar, openCrop } from "./crop.js";
import { clearOf } from "./crop_geometry.js";
import { byId, h, icon } from "../dom.js";
import { askKey, errorCard, mayPass } from "../errors.js";
import { t } from "../i18n.js";
import { again, choosePhotos, removePictures } from "../intake/intake.js";
import { setLook } from "../look/look.js";
import { enqueue } from "../picture/painting.js";
import { beforeAfter } from "./before_after.js";
import { cropOf, isBusy, isFresh, lookKey, onChange, plainLook, resultOf, state } from "../state.js";

const PAN_PX = 40;

/** The best there is to show as painting: {url, badge}. */
function bestPainting(picture) {
  if (isFresh(picture)) return { url: resultOf(picture).url, badge: null };
  if (picture.preview?.key === lookKey(picture)) return { url: picture.preview.url, badge: "previewBadge" };
  const sameCrop = (key) => cropOf(key) === JSON.stringify(picture.crop);
  if (sameCrop(picture.preview?.key) && isBusy(picture)) return { url: picture.preview.url, badge: "previewBadge" };
  if (sameCrop(picture.result?.key)) return { url: picture.result.url, badge: "staleBadge" };
  return { url: null, badge: null };
}

const retry = (picture) => (picture.small ? enqueue(picture) : again(picture));

/** The ways out of an error, the likeliest first. */
function waysOut(picture) {
  const { error } = picture;
  const remove = [t("removeThis"), "trash", () => removePictures([picture])];
  if (error.kind === "malformed") return [[t("reload"), "again", () => location.reload()], remove];
  if (error.kind === "setting") return [[t("reset"), "again", () => { setLook(plainLook()); enqueue(picture); }], remove];
  if (error.kind === "unauthorized") return [[t("tryAgain"), "again", () => askKey(() => retry(picture))], remove];
  if (mayPass(error)) return [[t("tryAgain"), "again", () => retry(picture)], remove];
  return [[t("chooseOther"), "picture", () => choosePhotos()], remove];
}

// Full screen where the browser has it for elements; phones that have not get the page filled.
function fullScreen(frame, button) {
  const leave = () => { frame.classList.remove("full"); if (document.fullscreenElement) document.exitFullscreen(); draw(); };
  const enter = () => { frame.classList.add("full"); frame.requestFullscreen?.().catch(() => {}); frame.focus(); draw(); };
  const draw = () => {
    const full = frame.classList.contains("full");
    button.replaceChildren(icon(full ? "close" : "full"));
    button.setAttribute("aria-label", t(full ? "leaveFull" : "fullScreen"));
    button.title = t(full ? "leaveFull" : "fullScreen");
    button.setAttribute("aria-pressed", String(full));
  };
  button.addEventListener("click", () => (frame.classList.contains("full") ? leave() : enter()));
  document.addEventListener("fullscreenchange", () => { if (!document.fullscreenElement) leave(); });
  addEventListener("keydown", (event) => { if (event.key === "Escape" && frame.classList.contains("full")) leave(); });
  return draw;
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
  const full = button("full", () => {});
  full.classList.add("fullbutton");
  const avatarButton = h("button.soft.inviting", { type: "button", onclick: () => makeAvatar(state.selected) });
  const cropButton = h("button.soft", { type: "button", onclick: () => openCrop(state.selected) });
  const wholeButton = h("button.soft", { type: "button", onclick: () => cropTo(state.selected, null) });
  const suggestion = h("p.suggestion");
  const frame = h("div.frame", { tabIndex: 0, role: "group" }, pair.element, badge, spinner, full);
  const trouble = h("div.trouble");
  const notice = h("div.notice", { role: "status" });
  const bar = h("div.stagebar", {}, suggestion, avatarButton, cropButton, wholeButton, h("div.zooms", {}, zooms.map(([, element]) => element)));
  byId("viewer").append(frame, trouble);
  byId("easelbar").append(notice, bar);
  const drawFull = fullScreen(frame, full);

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

  let shownPicture = null, shownError = null, shownNotice = null, revealed = null, startedFor = null;
  onChange(() => {
    const picture = state.selected;
    if (!picture) return;
    const cropKey = `${picture.id} ${JSON.stringify(picture.crop)}`;
    if (cropKey !== shownPicture) { shownPicture = cropKey; pair.zoom.reset(); }
    const { url, badge: badgeKey } = bestPainting(picture);
    const known = Boolean(picture.url);
    const ratio = picture.crop ? 1 : picture.width ? picture.width / picture.height : 4 / 3;
    frame.style.setProperty("--ratio", ratio);
    pair.show({ before: picture.cropped ?? picture.url, after: url, ratio });
    pair.words();
    // The divider stands where no face is; once it was moved it stays.
    const faceKey = `${cropKey} ${picture.found?.faces.length}`;
    if (faceKey !== startedFor) { startedFor = faceKey; pair.startAt(clearOf(picture.found?.faces ?? [], picture.crop ?? { x: 0, side: picture.width || 1 })); }
    if (url && revealed !== cropKey) { revealed = cropKey; pair.reveal(); }
    badge.hidden = !badgeKey;
    badge.textContent = badgeKey ? t(badgeKey) : "";
    frame.classList.toggle("busy", !url && (isBusy(picture) || picture.status === "reading"));
    frame.classList.toggle("disc", Boolean(picture.avatar?.round));
    frame.classList.toggle("cutout", picture.avatar?.background === "none");
    frame.dataset.fresh = String(isFresh(picture) && picture.status === "done");
    frame.hidden = picture.status === "failed" && !known;
    bar.hidden = !known;
    frame.setAttribute("aria-label", t("viewer"));
    for (const [key, element] of zooms) { element.setAttribute("aria-label", t(key)); element.title = t(key); }
    drawFull();

    const count = picture.found?.faces.length ?? 0;
    // Nothing is offered that has been done, by the photographer or here.
    suggestion.hidden = avatarButton.hidden = !count || Boolean(picture.crop) || isPortrait(picture);
    suggestion.textContent = count === 1 ? t("faceFound") : t("facesFound", { n: count });
    if (picture.crop && !picture.avatar) { suggestion.hidden = false; suggestion.textContent = t("cropped", { side: Math.round(picture.crop.side) }); }
    avatarButton.replaceChildren(icon("face"), t("makeAvatar"));
    cropButton.hidden = Boolean(picture.avatar);
    cropButton.replaceChildren(icon("crop"), t(picture.crop ? "cropAgain" : "crop"));
    wholeButton.hidden = !picture.crop || Boolean(picture.avatar);
    wholeButton.textContent = t("uncrop");

    // Built anew only when it is another error or language: it may hold the focus.
    const errorKey = picture.error && `${picture.id} ${picture.error.kind} ${document.documentElement.lang}`;
    if (errorKey !== shownError) {
      shownError = errorKey;
      trouble.replaceChildren(...(picture.error ? [errorCard(picture.error, picture.name, waysOut(picture))] : []));
    }
    const noticeKey = picture.notice && `${picture.id} ${picture.notice.text} ${document.documentElement.lang}`;
    if (noticeKey !== shownNotice) {
      shownNotice = noticeKey;
      notice.replaceChildren(...(picture.notice ? [h("span", {}, t(picture.notice.text, { ...picture.notice.values, name: picture.name })),
        ...(picture.notice.mayKeepSize ? [h("button.link", { type: "button", onclick: () => again(picture, { keepSize: true }) }, t("keepSize"))] : [])] : []));
    }
    notice.hidden = !picture.notice;
  });
}
