// Taking the painting home: save and share under the picture; format and size, copy, all as a zip; and deleting everything now.

import { byId, dialog, h, icon } from "../dom.js";
import { toast, words } from "../errors.js";
import { clock, t } from "../i18n.js";
import { fit, save, writableTypes } from "./pixels.js";
import { enqueue, painted } from "./painting.js";
import { isBusy, isFresh, onChange, resultOf, state } from "../state.js";
import { removePictures } from "../intake/intake.js";
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
  const button = (style, act) => h(`button.${style}`, { type: "button", onclick: () => act().catch((error) => toast(words(error).title, "alert")) });
  const chosen = () => ({ type: format.value, maxSide: Number(size.value) || Infinity, extension: names[format.value][1] });

  async function asFile(picture) {
    const { type, maxSide, extension } = chosen();
    const { blob } = await painted(picture);
    return new File([await save(blob, type, maxSide, picture.avatar?.round)], paintingName(picture, extension), { type });
  }

  const saveButton = button("primary", async () => {
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
    const png = painted(state.selected).then(({ blob }) => save(blob, "image/png", chosen().maxSide, state.selected.avatar?.round));
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

  // On a phone: the painting in small, so that it is seen while one is further down; a press goes back up to it.
  const small = h("img", { alt: "" });
  const up = h("button.up", { type: "button", onclick: () => scrollTo({ top: 0, behavior: matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth" }) }, small);
  const paintButton = button("primary", async () => enqueue(state.selected));

  byId("actions").append(up, paintButton, saveButton, shareButton);
  byId("save").append(
    h("div.fields", {}, h("label.field", { htmlFor: "format" }, formatLabel, format), h("label.field", { htmlFor: "size" }, sizeLabel, size)),
    hint, h("div.buttons", {}, copyButton, zipButton),
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
    paintButton.replaceChildren(icon("brush"), t("paint"));
    paintButton.hidden = !picture?.givenUp || isFresh(picture) || isBusy(picture);
    saveButton.hidden = !paintButton.hidden;
    const url = picture && (resultOf(picture)?.url ?? picture.preview?.url ?? picture.result?.url ?? picture.url);
    if (url && small.getAttribute("src") !== url) small.src = url;
    up.hidden = !url;
    up.setAttribute("aria-label", t("toPicture"));
    copyButton.hidden = !canCopy;
    for (const element of [saveButton, shareButton, copyButton]) element.disabled = !ready;
    hint.hidden = !ready || isFresh(picture);
    hint.textContent = t("savePaintFirst");
    const latest = Math.max(0, ...state.pictures.flatMap(({ results }) => [...results.values()].map(({ id, expires }) => (id ? Date.parse(expires) : 0) || 0)));
    until.textContent = latest > Date.now() ? t("privacyUntil", { time: clock(new Date(latest)) }) : "";
    deleteButton.replaceChildren(icon("trash"), t("deleteNow"));

    for (const element of [format, size]) element.disabled = !ready;
    if (!ready) return;
    const [width, height] = picture.avatar ? [picture.avatar.size, picture.avatar.size] : picture.crop ? [picture.crop.side, picture.crop.side] : [picture.width, picture.height];
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

/** Deletes all pictures from the server and from this device, now, once it is agreed to. */
async function deleteAll() {
  const pictures = [...state.pictures];
  const paintings = pictures.reduce((sum, { results }) => sum + results.size, 0);
  const box = dialog(t("deleteTitle"), t("close"), h("div.cropbody", {}, h("p", {}, t("deleteText", { photos: pictures.length, paintings })),
    h("div.buttons", {}, h("button.primary", { type: "button", onclick: () => { box.close(); removePictures(pictures); } }, icon("trash"), t("deleteYes")),
      h("button.soft", { type: "button", onclick: () => box.close() }, t("cancel")))));
}
