// Painting: pictures wait in line, two at a time go to the server as jobs, their progress is followed, the painting is
// fetched. A full server is waited for, as long as it says.

import * as api from "../api.js";
import { say, sleep } from "../dom.js";
import { toast } from "../errors.js";
import { t } from "../i18n.js";
import { changed, isBusy, isFresh, lookKey, state } from "../state.js";

const AT_ONCE = 2;
const BUSY_TRIES = 20;
const line = [];
let running = 0;

/** Has a picture painted as the look says now; what was under way for it is given up. */
export function enqueue(picture) {
  stop(picture);
  Object.assign(picture, { status: "waiting", error: null, job: null });
  line.push(picture);
  changed();
  // Deferred, so that a stopped run leaves its place first.
  queueMicrotask(advance);
}

/** Gives up what is under way for a picture and tells the server so. */
export function stop(picture) {
  const place = line.indexOf(picture);
  if (place >= 0) line.splice(place, 1);
  picture.abort?.abort();
  picture.abort = null;
}

/** The user's cancel: back to the painting there was, or to none. */
export function cancel(picture) {
  stop(picture);
  Object.assign(picture, { status: picture.result ? "done" : "idle", job: null });
  changed();
}

/** Waits until a picture is painted as the look says now. Rejects with its error. */
export function painted(picture) {
  if (isFresh(picture)) return Promise.resolve(picture.result);
  if (!isBusy(picture)) enqueue(picture);
  return new Promise((resolve, reject) => {
    const look = setInterval(() => {
      if (isBusy(picture)) return;
      clearInterval(look);
      if (picture.result && picture.status === "done") resolve(picture.result);
      else reject(picture.error ?? new api.Problem("cancelled"));
    }, 60);
  });
}

/** Deletes everything of a picture, on the server now, in the page too. */
export async function forget(picture) {
  stop(picture);
  picture.status = "idle";
  for (const url of [picture.url, picture.cropped, picture.preview?.url, picture.result?.url]) if (url) URL.revokeObjectURL(url);
  const id = picture.result?.id;
  picture.result = null;
  if (id) await api.remove(id);
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
  const look = { ...state.look }, key = lookKey(picture), crop = picture.crop;
  Object.assign(picture, { status: "working", abort, job: { stage: "uploading", progress: 0 } });
  changed();
  let id = null;
  try {
    const first = await submitPatiently(picture, look, crop, signal);
    id = first.id;
    signal.throwIfAborted();
    const tell = (job) => { if (!signal.aborted) { picture.job = job; changed(); } };
    tell(first);
    const job = await api.follow(id, tell, signal);
    if (job.state === "failed") throw api.Problem.from(job.error);
    if (job.state === "cancelled") throw new api.Problem("cancelled");
    const blob = await api.result(id, signal);
    signal.throwIfAborted();
    keep(picture, { key, id, blob, width: job.width, height: job.height, expires: new Date(job.expires_at) });
    id = null;
    if (job.warning === "truncated") toast(t("warning.truncated", { name: picture.name }), "close");
    if (picture === state.selected) say(t("painted"));
  } catch (error) {
    if (signal.aborted) return;
    Object.assign(picture, { status: "failed", error: error instanceof api.Problem ? error : new api.Problem("page", { detail: String(error) }) });
  } finally {
    // A job that was given up: its photo shall not lie on the server until its time is over.
    if (id) api.remove(id).catch(() => {});
    if (picture.abort === abort) picture.abort = null;
    changed();
  }
}

function keep(picture, result) {
  const old = picture.result;
  if (old) {
    URL.revokeObjectURL(old.url);
    api.remove(old.id).catch(() => {});
  }
  picture.result = { ...result, url: URL.createObjectURL(result.blob) };
  picture.status = "done";
}

async function submitPatiently(picture, look, crop, signal) {
  for (let attempt = 1; ; attempt++) {
    try {
      // Not to be aborted: a job that was taken on has to be known, or nobody could delete its photo.
      return await api.submit(picture.file, look, crop);
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
