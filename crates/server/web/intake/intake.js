// How pictures come in: dropped anywhere, chosen, pasted, by an address, sent by another app, remembered. All ways end in
// accept() but the last.

import * as api from "../api.js";
import { addressIn, fetched } from "./address.js";
import { prepared } from "./prepare.js";
import { byId, say } from "../dom.js";
import { toast, words } from "../errors.js";
import { t } from "../i18n.js";
import { recall, rememberPicture } from "../memory/memory.js";
import { enqueue, forget, forgetResults, release, resume, unforget } from "../picture/painting.js";
import { cut, open } from "../picture/pixels.js";
import { makeAvatar } from "../viewer/crop.js";
import { scaled } from "../viewer/crop_geometry.js";
import { changed, newPicture, onChange, plainLook, select, state } from "../state.js";

/** Longest side of the copy that previews are made from, px. */
export const SMALL_PX = 768;

let forAvatar = false;

/** Opens the browser's chooser of files. */
export function choosePhotos({ avatar = false } = {}) {
  forAvatar = avatar;
  byId("files").multiple = !avatar;
  byId("files").click();
}

/** Takes files in, shows the first of them unless told not to, has all painted; for an avatar the square around the face. */
export async function accept(files, { avatar = false, show = true } = {}) {
  const pictures = [...files].map(newPicture);
  if (!pictures.length) return;
  state.pictures.push(...pictures);
  if (show && (!state.selected || pictures.length === 1)) select(pictures[0]);
  changed();
  // One after the other: twenty large photos opened at once would not fit a phone's memory.
  for (const picture of pictures) {
    await read(picture);
    if (picture.status !== "reading" || !state.pictures.includes(picture)) continue;
    if (avatar) {
      await picture.finding;
      await makeAvatar(picture);
    } else enqueue(picture);
  }
}

/** Opens a picture for showing; also the way back after an error. */
export async function read(picture, { keepSize = false } = {}) {
  // What is remembered has been prepared, and its paintings are of that file.
  const isPrepared = picture.status === "asleep" && picture.prepared;
  Object.assign(picture, { status: "reading", error: null });
  changed();
  try {
    if (!isPrepared) await prepare(picture, keepSize);
    await openHere(picture).catch(() => openByServer(picture));
    if (state.pictures.includes(picture)) rememberPicture(picture);
    picture.finding = findFaces(picture);
  } catch (error) {
    if (!state.pictures.includes(picture)) return;
    Object.assign(picture, { status: "failed", error: error instanceof api.Problem ? error : new api.Problem("page", { detail: String(error) }) });
  }
  changed();
}

async function prepare(picture, keepSize) {
  picture.notice = null;
  const original = picture.original ?? picture.file;
  const { file, notice } = await prepared(original, state.limits, keepSize);
  // What was painted of another file is no painting of this one.
  if (picture.results.size && file !== picture.file && picture.original) forgetResults(picture);
  if (file !== original) Object.assign(picture, { file, original, name: file.name });
  Object.assign(picture, { notice, prepared: true });
}

/** Opens a picture anew and has it painted. */
export async function again(picture, how) {
  await read(picture, how);
  if (picture.status === "reading") enqueue(picture);
}

async function openHere(picture) {
  const bitmap = await open(picture.file);
  const url = URL.createObjectURL(picture.file);
  Object.assign(picture, { width: bitmap.width, height: bitmap.height, shown: picture.file, url });
  picture.small = await cut(bitmap, null, SMALL_PX);
  bitmap.close();
}

// TIFF, and whatever else the server reads and this browser does not: strength 0 is the photo itself.
async function openByServer(picture) {
  const shown = await api.convert(picture.file, { ...plainLook(), strength: 0, faces: "off" }, { maxSide: 1600 });
  const bitmap = await open(shown);
  Object.assign(picture, { shown, url: URL.createObjectURL(shown) });
  picture.small = await cut(bitmap, null, SMALL_PX);
  // The size of the photo itself: only the server knows it.
  const { width, height } = await api.faces(picture.file);
  Object.assign(picture, { width, height });
  bitmap.close();
}

// A suggestion, so a failure is no news. The faces of the small copy are scaled to the photo.
async function findFaces(picture) {
  try {
    const { width, faces, crop } = await api.faces(picture.small);
    const scale = picture.width / width;
    picture.found = {
      faces: faces.map(({ bounds, score }) => ({ bounds: bounds.map((value) => value * scale), score })),
      crop: scaled(crop, scale),
    };
    changed();
  } catch {
    picture.found = null;
  }
}

/** Removes pictures from page and server, now; for a while they can be had back from this device. True if the server told so. */
export async function removePictures(pictures) {
  const places = pictures.map((picture) => state.pictures.indexOf(picture));
  state.pictures = state.pictures.filter((picture) => !pictures.includes(picture));
  if (pictures.includes(state.selected)) select(state.pictures[Math.min(places[0], state.pictures.length - 1)] ?? null);
  changed();
  const outcomes = await Promise.allSettled(pictures.map(forget));
  const failed = outcomes.some(({ status }) => status === "rejected");
  let kept = false;
  const undo = () => {
    kept = true;
    pictures.forEach((picture, index) => { state.pictures.splice(places[index], 0, picture); unforget(picture); });
    select(pictures[0]);
  };
  const text = failed ? t("deleteFailed") : pictures.length === 1 ? t("removed", { name: pictures[0].name }) : t("deleted");
  toast(text, "trash", { label: t("undo"), act: undo, gone: () => { if (!kept) pictures.forEach(release); } });
}

const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].some((type) => type === "Files" || type === "text/uri-list");

async function acceptAddress(address) {
  toast(t("fetching"), "picture");
  try {
    accept([await fetched(address)]);
  } catch (error) {
    const { title, advice } = words(error);
    toast(`${title}. ${advice}`, "alert", { ms: 14_000 });
  }
}

export function startIntake() {
  const chooser = byId("files");
  chooser.addEventListener("change", () => { accept(chooser.files, { avatar: forAvatar }); chooser.value = ""; });

  // Enter and leave come for every element passed over: they are counted.
  let depth = 0;
  const veil = (shown) => { byId("drop").hidden = !shown; };
  addEventListener("dragenter", (event) => { if (hasFiles(event)) { depth++; veil(true); } });
  addEventListener("dragleave", (event) => { if (hasFiles(event) && --depth <= 0) { depth = 0; veil(false); } });
  addEventListener("dragover", (event) => { if (hasFiles(event)) event.preventDefault(); });
  addEventListener("drop", (event) => {
    if (!hasFiles(event)) return;
    event.preventDefault();
    depth = 0;
    veil(false);
    document.querySelector("dialog[open]")?.close();
    const address = addressIn(event.dataTransfer.getData("text/uri-list"));
    if (event.dataTransfer.files.length) accept(event.dataTransfer.files);
    else if (address) acceptAddress(address);
  });

  addEventListener("paste", (event) => {
    if (event.target.closest?.("input")) return;
    const files = [...(event.clipboardData?.files ?? [])];
    const address = addressIn(event.clipboardData?.getData("text/plain"));
    if (!files.length && !address) return;
    event.preventDefault();
    if (files.length) accept(files);
    else acceptAddress(address);
  });

  // A remembered picture is opened when it is looked at.
  onChange(() => {
    const picture = state.selected;
    if (picture?.status === "asleep") read(picture).then(() => { if (picture.status === "reading") wake(picture); });
  });

  if (location.hash === "#shared") takeShared();
}

function wake(picture) {
  if (picture.pending) return resume(picture);
  enqueue(picture);
}

/** Takes in what was left here last time; what the server was still painting is gone on with. */
export async function takeRemembered(show) {
  const pictures = await recall();
  if (show && !state.selected && pictures.length) select(pictures.find(({ pending }) => pending) ?? pictures.at(-1));
  for (const picture of pictures) if (picture.pending && picture !== state.selected) resume(picture);
}

/** Takes out what the service worker put aside (sw.js, receive). */
async function takeShared() {
  history.replaceState(null, "", "/");
  if (!("caches" in window)) return;
  const cache = await caches.open("shared");
  const files = [];
  for (const request of await cache.keys()) {
    const response = await cache.match(request);
    const blob = await response.blob();
    files.push(new File([blob], decodeURIComponent(response.headers.get("X-Name") ?? "photo"), { type: blob.type }));
    await cache.delete(request);
  }
  accept(files);
  if (files.length) say(files.map((file) => file.name).join(", "));
}
