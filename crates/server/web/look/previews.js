// Quick small paintings: the user's own picture on every style card, and the viewer's preview while a slider moves. They
// go to /convert, which keeps nothing. The full painting is painting.js.

import * as api from "../api.js";
import { debounced, sleep } from "../dom.js";
import { SMALL_PX } from "../intake/intake.js";
import { cut, open } from "../picture/pixels.js";
import { scaled } from "../viewer/crop_geometry.js";
import { changed, isFresh, lookKey, onChange, plainLook, state } from "../state.js";

export const THUMB_PX = 256;

// key of picture and crop → {style: object URL}
const thumbnails = new Map();
const keyOf = (picture) => JSON.stringify([picture.id, picture.crop]);

// What the cards show: the selected picture, or what the camera saw.
const seenOn = () => state.selected ?? state.still;

/** The object URL of the selected picture in a style, or undefined while it is not there. */
export const thumbnail = (style) => seenOn() && thumbnails.get(keyOf(seenOn()))?.[style];

/** The small copy of a picture, cropped as it is: a Blob of at most `maxSide` px. */
export async function smallCopy(picture, maxSide = SMALL_PX) {
  const bitmap = await open(picture.small);
  const scale = bitmap.width / picture.width;
  const { crop } = picture;
  const blob = await cut(bitmap, crop && scaled(crop, scale), maxSide);
  bitmap.close();
  return blob;
}

// A preview that meets a full server waits once or twice and is then left out: nobody asked for it.
async function patiently(request, signal) {
  for (let attempt = 0; ; attempt++) {
    try {
      return await request();
    } catch (error) {
      if (error.status !== 429 || attempt === 3) throw error;
      await sleep(1000 * Math.min(5, error.retryAfter || 1), signal);
    }
  }
}

let thumbsAbort = null, thumbsKey = null;

async function paintThumbnails(picture) {
  thumbsAbort?.abort();
  thumbsAbort = new AbortController();
  const { signal } = thumbsAbort;
  const key = keyOf(picture);
  const found = thumbnails.get(key) ?? {};
  thumbnails.set(key, found);
  try {
    const source = await smallCopy(picture, THUMB_PX);
    for (const { name } of state.styles) {
      if (found[name]) continue;
      const look = { ...plainLook(), style: name };
      const blob = await patiently(() => api.convert(source, look, { maxSide: THUMB_PX, signal }), signal);
      signal.throwIfAborted();
      found[name] = URL.createObjectURL(blob);
      changed();
    }
  } catch {
    // The cards go without; the painting itself says what is wrong.
  }
}

let previewAbort = null;

const paintPreview = debounced(async () => {
  const picture = state.selected;
  previewAbort?.abort();
  if (!picture?.small || isFresh(picture)) return;
  previewAbort = new AbortController();
  const { signal } = previewAbort;
  const key = lookKey(picture), look = { ...state.look };
  try {
    const source = await smallCopy(picture);
    const blob = await patiently(() => api.convert(source, look, { maxSide: SMALL_PX, signal }), signal);
    if (signal.aborted || lookKey(picture) !== key) return;
    if (picture.preview) URL.revokeObjectURL(picture.preview.url);
    picture.preview = { key, url: URL.createObjectURL(blob) };
    changed();
  } catch {
    // As above.
  }
}, 220);

let seen = null;

export function startPreviews() {
  onChange(() => {
    const picture = seenOn();
    if (!picture?.small) return;
    const wanted = keyOf(picture);
    if (wanted !== thumbsKey && state.styles.length) {
      thumbsKey = wanted;
      paintThumbnails(picture);
    }
    const look = `${picture.id} ${lookKey(picture)}`;
    if (look !== seen && picture === state.selected) {
      seen = look;
      if (picture.preview?.key !== lookKey(picture)) paintPreview();
    }
    forgetOld();
  });
}

function forgetOld() {
  const alive = new Set([...state.pictures, state.still].map((picture) => String(picture?.id)));
  for (const [key, urls] of thumbnails) {
    if (alive.has(String(JSON.parse(key)[0]))) continue;
    for (const url of Object.values(urls)) URL.revokeObjectURL(url);
    thumbnails.delete(key);
  }
}
