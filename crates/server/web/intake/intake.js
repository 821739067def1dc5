// How pictures come in: dropped anywhere, chosen, pasted, sent by another app. All ways end in accept().

import * as api from "../api.js";
import { byId, say } from "../dom.js";
import { enqueue, forget } from "../picture/painting.js";
import { cut, open } from "../picture/pixels.js";
import { scaled } from "../viewer/crop_geometry.js";
import { changed, defaults, newPicture, select, state } from "../state.js";

/** Longest side of the copy that previews are made from, px. */
export const SMALL_PX = 768;

/** Takes files in, shows the first of them, has all painted. */
export async function accept(files) {
  const pictures = [...files].map(newPicture);
  if (!pictures.length) return;
  state.pictures.push(...pictures);
  if (!state.selected || pictures.length === 1) select(pictures[0]);
  changed();
  // One after the other: twenty large photos opened at once would not fit a phone's memory.
  for (const picture of pictures) {
    await read(picture);
    if (picture.status === "reading" && state.pictures.includes(picture)) enqueue(picture);
  }
}

/** Opens a picture for showing; also the way back after an error. */
export async function read(picture) {
  Object.assign(picture, { status: "reading", error: null });
  changed();
  try {
    const limit = state.limits?.max_upload_bytes;
    if (limit && picture.file.size > limit) throw new api.Problem("too-large", { status: 413 });
    await openHere(picture).catch(() => openByServer(picture));
    findFaces(picture);
  } catch (error) {
    if (!state.pictures.includes(picture)) return;
    Object.assign(picture, { status: "failed", error });
  }
  changed();
}

async function openHere(picture) {
  const bitmap = await open(picture.file);
  Object.assign(picture, { width: bitmap.width, height: bitmap.height, shown: picture.file, url: URL.createObjectURL(picture.file) });
  picture.small = await cut(bitmap, null, SMALL_PX);
  bitmap.close();
}

// TIFF, and whatever else the server reads and this browser does not: strength 0 is the photo itself.
async function openByServer(picture) {
  const shown = await api.convert(picture.file, { ...state.look, ...defaults, strength: 0, faces: "off" }, { maxSide: 1600 });
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

/** Removes a picture from page and server. */
export async function removePicture(picture) {
  const index = state.pictures.indexOf(picture);
  if (index < 0) return;
  state.pictures.splice(index, 1);
  if (state.selected === picture) select(state.pictures[Math.min(index, state.pictures.length - 1)] ?? null);
  changed();
  await forget(picture);
}

const hasFiles = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");

export function startIntake() {
  const chooser = byId("files");
  chooser.addEventListener("change", () => { accept(chooser.files); chooser.value = ""; });

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
    accept(event.dataTransfer.files);
  });

  addEventListener("paste", (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length) { event.preventDefault(); accept(files); }
  });

  if (location.hash === "#shared") takeShared();
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
