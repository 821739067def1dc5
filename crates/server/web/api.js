// The HTTP interface as functions. Every failure is a Problem with the kind the server told (RFC 9457), so that
// errors.js can say what to do; requests that never reached the server are of the kind "network".

import { lost } from "./connection.js";
import { sleep } from "./dom.js";

const base = "/api/v1";
let key = sessionStorage.getItem("token") ?? "";

/** Sets the key that a guarded server asks for; it is forgotten with the tab. */
export function setToken(value) {
  key = value;
  sessionStorage.setItem("token", value);
}

/** The key that was set, or nothing. */
export const token = () => key;

export class Problem extends Error {
  constructor(kind, { status = 0, detail = "", requestId = "", retryAfter = 0 } = {}) {
    super(detail || kind);
    Object.assign(this, { kind, status, detail, requestId, retryAfter });
  }

  /** From a problem document, as responses and failed jobs carry it. */
  static from(body, status = body?.status, retryAfter = 0) {
    const kind = String(body?.type ?? "").split("/").pop() || (status >= 500 ? "internal" : "malformed");
    return new Problem(kind, {
      status,
      detail: body?.detail || body?.title || "",
      requestId: body?.request_id ?? "",
      retryAfter: body?.retry_after_s ?? retryAfter,
    });
  }
}

const TRIES = 3;

// A request that got no answer is made again once the server can be reached. One that gets none from a server that answers
// others fails: the file may have gone, or a proxy refuses it.
async function persistently(path, { patient = true, ...options }) {
  for (let tries = 1; ; tries++) {
    try {
      return await fetch(path, options);
    } catch (error) {
      options.signal?.throwIfAborted();
      if (!patient || tries === TRIES) throw new Problem("network", { detail: error.message });
    }
    await Promise.race([lost(), aborted(options.signal)]);
    options.signal?.throwIfAborted();
  }
}

const aborted = (signal) => new Promise((resolve) => signal?.addEventListener("abort", resolve, { once: true }));

async function request(path, options = {}) {
  const headers = new Headers(options.headers);
  if (key) headers.set("Authorization", `Bearer ${key}`);
  const response = await persistently(`${base}/${path}`, { ...options, headers });
  if (response.ok) return response;
  const body = await response.json().catch(() => null);
  throw Problem.from(body, response.status, Number(response.headers.get("Retry-After")) || 0);
}

const json = async (path, options) => (await request(path, options)).json();

export const styles = () => json("styles");
export const limits = () => json("limits");

/** A style, or two of them mixed, as the parameter `style` has it. */
export const styleText = ({ style, blend, share }) => (blend ? `${style}:${(1 - share).toFixed(2)},${blend}:${share.toFixed(2)}` : style);

/** The names in a look (state.js) are those of the parameters, but for what is mixed in. */
export function lookQuery({ style, blend, share, ...rest }, extra = {}) {
  return new URLSearchParams({ style: styleText({ style, blend, share }), ...rest, ...extra });
}

const square = (crop) => (crop ? { crop: [crop.x, crop.y, crop.side].map(Math.round).join(",") } : {});

const upload = (body, signal) =>
  ({ method: "POST", body, signal, headers: { "Content-Type": body.type || "application/octet-stream" } });

/** A small painting at once, as a Blob: `maxSide` px at most. */
export async function convert(body, look, { maxSide, format = "jpeg", signal }) {
  const path = `convert?${lookQuery(look, { max_side: maxSide, format, quality: 88 })}`;
  return (await request(path, upload(body, signal))).blob();
}

/** A square painted at `size` px, at once: {blob, warning}. */
export async function avatar(body, look, crop, { size, background }, signal) {
  const response = await request(`avatar?${lookQuery(look, { size, background, format: "png", ...square(crop) })}`, upload(body, signal));
  return { blob: await response.blob(), warning: response.headers.get("Kaiga-Warning") };
}

/** {width, height, faces, crop} of a picture, in its upright pixels. */
export const faces = (body, signal) => json("faces", upload(body, signal));

/** Puts a picture in the queue; the Job. */
export function submit(body, look, crop) {
  return json(`jobs?${lookQuery(look, { format: "png", ...square(crop) })}`, upload(body));
}

/** Cancels a job that runs and deletes photo and painting; a job that is gone already is fine. */
export async function remove(id) {
  try {
    await request(`jobs/${id}`, { method: "DELETE", keepalive: true, patient: false });
  } catch (error) {
    if (error.status !== 404 && error.status !== 410) throw error;
  }
}

const RETRIES = 8;

// Asks again what a house that is full or failing for a moment did not answer.
async function insistently(ask, signal) {
  for (let failures = 0; ;) {
    try {
      return await ask();
    } catch (error) {
      if (signal.aborted || (error.status >= 400 && error.status < 500 && error.status !== 429) || ++failures > RETRIES) throw error;
    }
    await sleep(1000 * Math.min(failures, 5), signal);
  }
}

export const result = (id, signal) => insistently(async () => (await request(`jobs/${id}/result`, { signal })).blob(), signal);

const finished = (job) => job && ["done", "failed", "cancelled"].includes(job.state);

/**
 * Tells `onJob` of every step of a job and returns it finished. Listens to its events; where they do not come through
 * (a proxy that holds them back, a connection that breaks) asks every second instead.
 */
export async function follow(id, onJob, signal) {
  try {
    const job = await listen(id, onJob, signal);
    if (finished(job)) return job;
  } catch (error) {
    if (signal.aborted || (error instanceof Problem && error.status >= 400 && error.status < 500)) throw error;
  }
  for (;;) {
    const job = await insistently(() => json(`jobs/${id}`, { signal }), signal);
    onJob(job);
    if (finished(job)) return job;
    await sleep(1000, signal);
  }
}

const SILENCE_MS = 25_000;

// Server-sent events by fetch and not by EventSource, which cannot send the key.
async function listen(id, onJob, signal) {
  const quiet = new AbortController(), gone = () => quiet.abort();
  addEventListener("offline", gone);
  let timer = 0;
  const heard = () => { clearTimeout(timer); timer = setTimeout(() => quiet.abort(), SILENCE_MS); };
  heard();
  try {
    const both = AbortSignal.any([signal, quiet.signal]);
    const response = await request(`jobs/${id}/events`, { signal: both, patient: false, headers: { Accept: "text/event-stream" } });
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = "", last = null;
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return last;
      heard();
      const blocks = (text + value).replaceAll("\r\n", "\n").split("\n\n");
      text = blocks.pop();
      for (const block of blocks) {
        const data = block.split("\n").filter((line) => line.startsWith("data:")).map((line) => line.slice(5).trim()).join("\n");
        if (!data) continue;
        last = JSON.parse(data);
        onJob(last);
        if (finished(last)) return reader.cancel().then(() => last);
      }
    }
  } finally {
    clearTimeout(timer);
    removeEventListener("offline", gone);
  }
}
