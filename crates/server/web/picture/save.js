// Taking the painting home: format and size, save, share, copy, all as a zip; and deleting everything now.

import * as api from "../api.js";
import { byId, h, icon } from "../dom.js";
import { toast, words } from "../errors.js";
import { clock, t } from "../i18n.js";
import { painted } from "./painting.js";
import { fit, save, writableTypes } from "./pixels.js";
import { isFresh, onChange, state } from "../state.js";
import { removePicture } from "../intake/intake.js";
import { distinct, zip } from "./zip.js";

const names = { "image/png": ["PNG", "png"], "image/jpeg": ["JPEG", "jpg"], "image/webp": ["WebP", "webp"] };
const sizes = [2048, 1080, 512];

/** Saves a Blob under a name, as if it were a link. */
export function download(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = h("a", { href: url, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

export const paintingName = (picture, extension) => `${picture.name.replace(/\.[^.]*$/, "") || "photo"}.kaiga.${extension}`;

export function startSave() {
  const format = h("select", { id: "format" });
  const size = h("select", { id: "size" });
  const formatLabel = h("span"), sizeLabel = h("span");
  const button = (style, act) => h(`button.${style}`, { type: "button", onclick: () => act().catch((error) => toast(words(error).title, "close")) });
  const chosen = () => ({ type: format.value, maxSide: Number(size.value) || Infinity, extension: names[format.value][1] });

  async function asFile(picture) {
    const { type, maxSide, extension } = chosen();
    const { blob } = await painted(picture);
    return new File([await save(blob, type, maxSide)], paintingName(picture, extension), { type });
  }

  const saveButton = button("primary.wide", async () => {
    const file = await asFile(state.selected);
    download(file, file.name);
  });
  const shareButton = button("soft", async () => {
    const file = await asFile(state.selected);
    // Closing the sheet without sharing is no error.
    await navigator.share({ files: [file], title: file.name }).catch((error) => { if (error.name !== "AbortError") throw error; });
  });
  const copyButton = button("soft", async () => {
    // A promise inside the item: Safari wants the call within the click, the picture may come later.
    const png = painted(state.selected).then(({ blob }) => save(blob, "image/png", chosen().maxSide));
    await navigator.clipboard.write([new ClipboardItem({ "image/png": png })]);
    toast(t("copied"), "copy");
  });
  const zipButton = button("soft", async () => {
    const files = [];
    for (const picture of state.pictures) {
      try { files.push(await asFile(picture)); } catch { /* Its cell says what is wrong; the others are saved. */ }
    }
    const different = distinct(files.map((file) => file.name));
    download(await zip(files.map((blob, index) => ({ name: different[index], blob }))), "kaiga.zip");
  });
  const hint = h("p.hint");
  const until = h("span");
  const deleteButton = button("link.danger", deleteAll);

  byId("save").append(
    h("div.fields", {}, h("label.field", { htmlFor: "format" }, formatLabel, format), h("label.field", { htmlFor: "size" }, sizeLabel, size)),
    saveButton, hint,
    h("div.buttons", {}, shareButton, copyButton, zipButton),
    h("p.until", {}, until, deleteButton));

  writableTypes().then((types) => { format.append(...types.map((type) => h("option", { value: type }, names[type][0]))); });
  const canShare = Boolean(navigator.canShare?.({ files: [new File(["x"], "x.png", { type: "image/png" })] }));
  const canCopy = Boolean(navigator.clipboard?.write && window.ClipboardItem);

  let sizesKey = "";
  onChange(() => {
    const picture = state.selected;
    const ready = Boolean(picture) && Boolean(picture.small) && picture.status !== "failed";
    formatLabel.textContent = t("format");
    sizeLabel.textContent = t("size");
    saveButton.replaceChildren(icon("save"), t("save"));
    shareButton.replaceChildren(icon("share"), t("share"));
    copyButton.replaceChildren(icon("copy"), t("copy"));
    const count = state.pictures.filter(({ status }) => status !== "failed").length;
    zipButton.replaceChildren(icon("zip"), t("saveAll", { n: count }));
    zipButton.hidden = state.pictures.length < 2 || count === 0;
    shareButton.hidden = !canShare;
    copyButton.hidden = !canCopy;
    for (const element of [saveButton, shareButton, copyButton]) element.disabled = !ready;
    hint.hidden = !ready || isFresh(picture);
    hint.textContent = t("savePaintFirst");
    const latest = Math.max(...state.pictures.map(({ result }) => Number(result?.expires) || 0));
    until.textContent = latest > 0 ? t("privacyUntil", { time: clock(new Date(latest)) }) : "";
    deleteButton.replaceChildren(icon("trash"), t("deleteNow"));

    for (const element of [format, size]) element.disabled = !ready;
    if (!ready) return;
    const [width, height] = picture.crop ? [picture.crop.side, picture.crop.side] : [picture.width, picture.height];
    const key = `${width} ${height} ${document.documentElement.lang}`;
    if (key === sizesKey) return;
    sizesKey = key;
    const kept = size.value;
    const longest = Math.max(width, height);
    size.replaceChildren(h("option", { value: "0" }, t("fullSize", { w: Math.round(width), h: Math.round(height) })),
      ...sizes.filter((side) => side < longest).map((side) => h("option", { value: side, title: fit(width, height, side).join(" × ") }, t("longest", { n: side }))));
    size.value = [...size.options].some(({ value }) => value === kept) ? kept : "0";
  });
}

/** Deletes all pictures from the server and from the page, now. */
async function deleteAll() {
  const outcomes = await Promise.allSettled([...state.pictures].map(removePicture));
  const failed = outcomes.some(({ status, reason }) => status === "rejected" && !(reason instanceof api.Problem && reason.status === 404));
  toast(t(failed ? "deleteFailed" : "deleted"), "trash");
}
