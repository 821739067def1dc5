// Painting: pictures wait in line, two at a time go to the server as jobs, their progress is followed, the painting is
// fetched and kept by its look. A full server is waited for, as long as it says.

import * as api from "../api.js";
import { say, sleep } from "../dom.js";
import { toast } from "../errors.js";
import { t } from "../i18n.js";
import { forgetPainting, forgetPicture, rememberPainting, rememberPicture } from "../memory/memory.js";
import { changed, isBusy, isFresh, lookKey, resultOf, state } from "../state.js";

const AT_ONCE = 2;
const BUSY_TRIES = 20;
/** So many paintings of a picture are kept. */
const MOST_RESULTS = 16;
const line = [];
let running = 0;

/** Has a picture painted as the look says now, unless it is; what was under way for it is given up. */
export function enqueue(picture) {
  stop(picture);
  Object.assign(picture, { error: null, job: null, givenUp: false });
  if (isFresh(picture)) {
    picture.status = "done";
  } else {
    picture.status = "waiting";
    line.push(picture);
    // Deferred, so that a stopped run leaves its place first.
    queueMicrotask(advance);
  }
  changed();
}

/** Goes on with a job that was under way when the page was left. */
export function resume(picture) {
  picture.resumed = true;
  picture.status = "waiting";
  line.push(picture);
  queueMicrotask(advance);
  changed();
}

/** Gives up what is under way for a picture and tells the server so. */
export function stop(picture) {
  const place = line.indexOf(picture);
  if (place >= 0) line.splice(place, 1);
  picture.abort?.abort();
  picture.abort = null;
}

/** Back to the paintings there were, or to none. */
export function rest(picture) {
  stop(picture);
  Object.assign(picture, { status: picture.results.size ? "done" : "idle", job: null });
  changed();
}

/** The user's cancel: nothing more is painted before it is asked for. */
export function cancel(picture) {
  rest(picture);
  picture.givenUp = true;
}

/** Waits until a picture is painted as the look says now. Rejects with its error. */
export function painted(picture) {
  if (isFresh(picture)) return Promise.resolve(resultOf(picture));
  if (!isBusy(picture)) enqueue(picture);
  return new Promise((resolve, reject) => {
    const look = setInterval(() => {
      if (isBusy(picture)) return;
      clearInterval(look);
      if (isFresh(picture)) resolve(resultOf(picture));
      else reject(picture.error ?? new api.Problem("cancelled"));
    }, 60);
  });
}

/** Deletes everything of a picture, on the server and from what is remembered. What the page holds is left for an undo. */
export async function forget(picture) {
  stop(picture);
  picture.status = "asleep";
  const ids = [...picture.results.values()].map(({ id }) => id).concat(picture.pending?.id).filter(Boolean);
  const forgotten = forgetPicture(picture);
  for (const result of picture.results.values()) result.id = null;
  picture.pending = null;
  const outcomes = await Promise.allSettled([forgotten, ...ids.map(api.remove)]);
  const failed = outcomes.find(({ status }) => status === "rejected");
  if (failed) throw failed.reason;
}

/** Takes a picture that was deleted back in; the server has nothing of it any more. */
export function unforget(picture) {
  rememberPicture(picture);
  for (const result of picture.results.values()) rememberPainting(picture, result);
}

/** Lets go of what the page holds of a picture. */
export function release(picture) {
  for (const url of [picture.url, picture.cropped, picture.preview?.url, ...[...picture.results.values()].map(({ url }) => url)]) if (url) URL.revokeObjectURL(url);
}

function advance() {
  while (running < AT_ONCE && line.length) {
    // The one in the viewer goes first.
    const place = Math.max(0, line.indexOf(state.selected));
    const [picture] = line.splice(place, 1);
    running++;
    run(picture).finally(() => { running--; advance(); });
  }
}

async function run(picture) {
  const abort = new AbortController();
  const { signal } = abort;
  Object.assign(picture, { status: "working", abort, job: { stage: "uploading", progress: 0 } });
  changed();
  try {
    const result = picture.avatar ? await paintAvatar(picture, signal) : await paintJob(picture, signal);
    signal.throwIfAborted();
    await keep(picture, result);
    if (picture === state.selected) say(t("painted"));
  } catch (error) {
    if (signal.aborted) return;
    Object.assign(picture, { status: "failed", error: error instanceof api.Problem ? error : new api.Problem("page", { detail: String(error) }) });
  } finally {
    if (picture.abort === abort) picture.abort = null;
    changed();
  }
}

function warn(picture, warning) {
  const text = warning && t(`warning.${warning}`, { name: picture.name });
  if (text) toast(text, "alert");
}

async function paintAvatar(picture, signal) {
  const look = { ...state.look }, key = lookKey(picture), { avatar } = picture, { size } = avatar;
  picture.job = { stage: "painting" };
  const { blob, warning } = await patiently(picture, signal, () => api.avatar(picture.file, look, picture.crop, { ...avatar }, signal));
  warn(picture, warning);
  return { key, look, id: null, blob, width: size, height: size, expires: null };
}

async function paintJob(picture, signal) {
  const tell = (job) => { if (!signal.aborted) { picture.job = job; changed(); } };
  const { resumed } = picture;
  const pending = resumed ? picture.pending : await submit(picture, signal, tell);
  picture.resumed = false;
  const { id, key, look } = pending;
  let job = null;
  try {
    signal.throwIfAborted();
    job = await api.follow(id, tell, signal);
    if (job.state === "failed") throw api.Problem.from(job.error);
    if (job.state === "cancelled") throw new api.Problem("cancelled");
    const blob = await api.result(id, signal);
    signal.throwIfAborted();
    warn(picture, job.warning);
    return { key, look, id, blob, width: job.width, height: job.height, expires: job.expires_at };
  } catch (error) {
    // A job that was given up: its photo shall not lie on the server until its time is over.
    api.remove(id).catch(() => {});
    if (picture.pending === pending) picture.pending = null;
    if (state.pictures.includes(picture)) rememberPicture(picture);
    // The page was left for longer than the server keeps things: the photo is here, so it is painted anew.
    if (resumed && [404, 410].includes(error.status) && !signal.aborted) return paintJob(picture, signal);
    throw error;
  }
}

async function submit(picture, signal, tell) {
  const look = { ...state.look }, key = lookKey(picture);
  // Not to be aborted: a job that was taken on has to be known, or nobody could delete its photo.
  const job = await patiently(picture, signal, () => api.submit(picture.file, look, picture.crop));
  picture.pending = { id: job.id, key, look };
  tell(job);
  if (state.pictures.includes(picture)) await rememberPicture(picture);
  return picture.pending;
}

// The job is forgotten once its painting is remembered: whoever leaves the page in between has the one or the other.
async function keep(picture, result) {
  const kept = { ...result, at: Date.now(), url: URL.createObjectURL(result.blob) };
  picture.results.set(kept.key, kept);
  picture.result = kept;
  await rememberPainting(picture, kept);
  picture.pending = null;
  rememberPicture(picture);
  // Meanwhile something else may have been asked for.
  if (picture.status === "working") picture.status = "done";
  if (picture.results.size > MOST_RESULTS) forgetResult(picture, picture.results.values().next().value);
}

function forgetResult(picture, result) {
  picture.results.delete(result.key);
  URL.revokeObjectURL(result.url);
  forgetPainting(picture, result);
  if (result.id) api.remove(result.id).catch(() => {});
}

/** Forgets all paintings of a picture, here and on the server. */
export function forgetResults(picture) {
  for (const result of picture.results.values()) forgetResult(picture, result);
  picture.result = null;
}

async function patiently(picture, signal, ask) {
  for (let attempt = 1; ; attempt++) {
    try {
      return await ask();
    } catch (error) {
      if (signal.aborted || error.status !== 429 || attempt === BUSY_TRIES) throw error;
      const wait = Math.max(1, error.retryAfter || 2);
      for (let left = wait; left > 0; left--) {
        picture.job = { stage: "busy", progress: 0, seconds: left };
        changed();
        await sleep(Math.min(left, 1) * 1000, signal);
      }
      picture.job = { stage: "uploading", progress: 0 };
      changed();
    }
  }
}
