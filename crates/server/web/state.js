// What the page knows, in one place. Parts of the page read it in their render functions and change it through
// the functions of painting.js and intake.js, then call changed(): everybody draws anew.

import { settings } from "./settings.js";

/** The settings with a slider. */
export const sliders = ["strength", "saturation", "line", "eyes", "draw"];

/** Beside the style, what can be set on the page. */
export const defaults = Object.fromEntries([...sliders, "faces"].map((name) => [name, settings[name].default]));

export const state = {
  /** Pictures in the order they came; see newPicture. */
  pictures: [],
  /** The picture in the viewer, or null while the page welcomes. */
  selected: null,
  /** How paintings shall look: one look for all pictures. */
  look: { style: settings.style.default, ...defaults },
  /** From GET /styles and GET /limits; limits is null until they are known. */
  styles: [],
  limits: null,
};

let number = 0;

/** A picture before anything is known of it. */
export function newPicture(file) {
  return {
    id: ++number,
    file,
    name: file.name || "photo.png",
    /** reading → waiting → working → done | failed; idle after a cancel. */
    status: "reading",
    /** The photo upright: size in px, something the browser can show with its URL (the file itself if it can), and a
     *  small copy that previews are made from. */
    width: 0, height: 0, shown: null, url: null, small: null,
    /** What POST /faces said: {faces, crop}, in upright px of the photo; null while unknown. */
    found: null,
    /** The square to paint, {x, y, side} in upright px of the photo, or null for all of it; `cropped` shows it. */
    crop: null, cropped: null,
    /** The latest Job the server told, and the notice of a wait for a full server. */
    job: null,
    /** {key, url} of a quick small painting; {key, url, blob, width, height, id, expires} of the true one. */
    preview: null, result: null,
    error: null,
    abort: null,
  };
}

/** Names a look with the crop of a picture: a painting with another key is out of date. */
export function lookKey(picture, look = state.look) {
  return JSON.stringify([look.style, ...Object.keys(defaults).map((name) => look[name]), picture.crop]);
}

/** The crop within a key, as text: paintings of different crops do not lie over the same photo. */
export const cropOf = (key) => (key ? JSON.stringify(JSON.parse(key).at(-1)) : "");

export const isFresh = (picture) => picture.result?.key === lookKey(picture);
export const isBusy = (picture) => picture.status === "waiting" || picture.status === "working";

const listeners = new Set();
let scheduled = false;

/** Has `render` called after each change, and once now. */
export function onChange(render) {
  listeners.add(render);
  render(state);
}

/** Says that the state has changed. All changes of one event are drawn together, before the browser paints. */
export function changed() {
  if (scheduled) return;
  scheduled = true;
  queueMicrotask(() => {
    scheduled = false;
    for (const render of listeners) render(state);
  });
}

export function select(picture) {
  state.selected = picture;
  changed();
}
