// What is remembered on this device: photos with their jobs and paintings, and the look. A page that is opened again goes
// on where it was left.

import { settings } from "../settings.js";
import { all, drop, put } from "./store.js";
import { changed, newPicture, plainLook, state } from "../state.js";

/** So many pictures and paintings are remembered; the oldest go first. */
export const MOST_PICTURES = 24;
export const MOST_PAINTINGS = 48;

/** Keeps what has to be known of a picture to go on with it. */
export function rememberPicture({ id, file, original, notice, name, crop, avatar, pending, job, width, height }) {
  const expires = pending ? job?.expires_at : null;
  // The file as it was chosen may be large: it is kept where something can still be done with it.
  const chosen = notice?.mayKeepSize ? original : null;
  return put("pictures", { id, file, original: chosen, notice, name, crop, avatar, pending: pending && { ...pending, expires }, width, height });
}

export async function rememberPainting(picture, result) {
  const { url, ...rest } = result;
  await put("paintings", { ...rest, id: paintingId(picture, result), job: result.id, picture: picture.id });
}

export const forgetPainting = (picture, result) => drop("paintings", paintingId(picture, result));

export async function forgetPicture(picture) {
  await drop("pictures", picture.id);
  for (const result of picture.results.values()) await forgetPainting(picture, result);
}

const paintingId = (picture, { key }) => `${picture.id} ${key}`;

/** A look from elsewhere: what is no setting is left out, what is out of range is brought into it. */
export function asLook(value) {
  const look = plainLook();
  for (const [name, fallback] of Object.entries(look)) {
    const given = value?.[name];
    if (typeof given !== typeof fallback || Number.isNaN(given)) continue;
    const { min, max, words } = name === "share" ? { min: 0.05, max: 0.95 } : settings[name] ?? {};
    if (typeof given === "number") look[name] = Math.min(max, Math.max(min, given));
    else if (!words || words.includes(given)) look[name] = given;
  }
  return look;
}

/** Puts remembered pictures into the state, asleep. */
export async function recall() {
  const [pictures, paintings] = await Promise.all([all("pictures"), all("paintings")]);
  paintings.sort((a, b) => a.at - b.at);
  const late = paintings.slice(0, Math.max(0, paintings.length - MOST_PAINTINGS));
  pictures.sort((a, b) => (a.id < b.id ? -1 : 1));
  const old = pictures.slice(0, Math.max(0, pictures.length - MOST_PICTURES));
  for (const { id } of late) drop("paintings", id);
  for (const { id } of old) drop("pictures", id);
  const known = new Map();
  for (const record of pictures.slice(old.length)) {
    const picture = Object.assign(newPicture(record.file), record, { status: "asleep", prepared: true });
    if (picture.avatar) picture.avatar.background ??= "keep";
    known.set(picture.id, picture);
  }
  for (const painting of paintings.slice(late.length)) {
    const picture = known.get(painting.picture);
    if (!picture) { drop("paintings", painting.id); continue; }
    const result = { ...painting, id: painting.job, url: URL.createObjectURL(painting.blob) };
    picture.results.set(result.key, result);
    picture.result = result;
  }
  state.pictures.unshift(...known.values());
  changed();
  return [...known.values()];
}

/** The look that was set last, on this device. */
export function recallLook() {
  try { Object.assign(state.look, asLook(JSON.parse(localStorage.getItem("look")))); } catch { /* What cannot be read is no look. */ }
}

export const rememberLook = () => localStorage.setItem("look", JSON.stringify(state.look));
