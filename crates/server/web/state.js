// What the page knows, in one place. Parts of the page read it in their render functions and change it through
// the functions of painting.js, intake.js and look.js, then call changed(): everybody draws anew.

import { settings } from "./settings.js";

/** The settings with a slider. */
export const sliders = ["strength", "saturation", "line", "detail", "eyes", "draw"];

/** Beside the style, what can be set on the page: `share` is how much of `blend` is mixed in. */
export const defaults = { blend: "", share: 0.5, ...Object.fromEntries([...sliders, "faces"].map((name) => [name, settings[name].default])) };

/** A look as the page begins with. */
export const plainLook = () => ({ style: settings.style.default, ...defaults });

export const state = {
  /** Pictures in the order they came; see newPicture. */
  pictures: [],
  /** The picture in the viewer, or null while the page welcomes. */
  selected: null,
  /** Whether the camera is painted live; nothing is selected then. `still` is a picture of what it saw first, or null. */
  live: false, still: null,
  /** How paintings shall look: one look for all pictures. */
  look: plainLook(),
  /** From GET /styles and GET /limits; limits is null until they are known. */
  styles: [],
  limits: null,
  /** False from when an answer failed to come until the server answers again. */
  connected: true,
};

let number = 0;

/** A picture before anything is known of it. */
export function newPicture(file) {
  return {
    id: `${Date.now()}-${++number}-${Math.random().toString(36).slice(2, 8)}`,
    file,
    /** The file as it was chosen, where another is sent in its place (intake/prepare.js). */
    original: null, prepared: false,
    name: file.name || "photo.png",
    /** reading → waiting → working → done | failed; idle after a cancel; asleep when it was remembered and not opened yet. */
    status: "reading",
    /** The photo upright: size in px, something the browser can show with its URL (the file itself if it can), and a
     *  small copy that previews are made from. */
    width: 0, height: 0, shown: null, url: null, small: null,
    /** What POST /faces said: {faces, crop}, in upright px of the photo; null while unknown. */
    found: null,
    /** The square to paint, {x, y, side} in upright px of the photo, or null for all of it; `cropped` shows it. */
    crop: null, cropped: null,
    /** {size, round, background} of an avatar: the crop is painted at `size` px, shown round, the person before "keep",
     *  "soft", "none" or a colour; null for a picture. */
    avatar: null,
    /** The latest Job the server told, and the notice of a wait for a full server. */
    job: null,
    /** {id, key, look} of a job that the server has taken on and that is not fetched yet. */
    pending: null, resumed: false,
    /** {key, url} of a quick small painting. */
    preview: null,
    /** The true ones by key: {key, look, url, blob, width, height, id, expires, at}; `result` is the latest of them. */
    results: new Map(), result: null,
    /** {text, values, mayKeepSize}: something to be told about the file; whether it may be sent at its original size. */
    notice: null,
    error: null,
    abort: null,
  };
}

/** Names a look with the crop of a picture: a painting with another key is another one. */
export function lookKey(picture, look = state.look) {
  const share = look.blend ? look.share : 0, { avatar } = picture;
  return JSON.stringify([look.style, ...Object.keys(defaults).map((name) => (name === "share" ? share : look[name])), avatar && [avatar.size, avatar.background], picture.crop]);
}

/** The crop within a key, as text: paintings of different crops do not lie over the same photo. */
export const cropOf = (key) => (key ? JSON.stringify(JSON.parse(key).at(-1)) : "");

/** The painting of a picture as the look says now, if there is one. */
export const resultOf = (picture) => picture.results.get(lookKey(picture));
export const isFresh = (picture) => picture.results.has(lookKey(picture));
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
  if (picture) state.live = false;
  changed();
}
