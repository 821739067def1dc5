// The HTTP interface as functions. Every failure is a Problem with the kind the server told (RFC 9457), so that
// errors.js can say what to do; requests that never reached the server are of the kind "network".

import { sleep } from "./dom.js";

const base = "/api/v1";
let token = sessionStorage.getItem("token") ?? "";

/** Sets the key that a guarded server asks for; it is forgotten with the tab. */
export function setToken(value) {
  token = value;
  sessionStorage.setItem("token", value);
}

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

async function request(path, options = {}) {
  const headers = new Headers(options.headers);
  if (token) headers.set("Authorization", `Bearer ${token}`);
  let response;
  try {
    response = await fetch(path.startsWith("/") ? path : `${base}/${path}`, { ...options, headers });
  } catch (error) {
    if (options.signal?.aborted) throw options.signal.reason;
    throw new Problem("network", { detail: error.message });
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => null);
  throw Problem.from(body, response.status, Number(response.headers.get("Retry-After")) || 0);
}

const json = async (path, options) => (await request(path, options)).json();

export const styles = () => json("styles");
export const limits = () => json("limits");

/** The names in a look (state.js) are those of the parameters. */
const query = (look, extra = {}) => new URLSearchParams({ ...look, ...extra });

const upload = (body, signal) =>
  ({ method: "POST", body, signal, headers: { "Content-Type": body.type || "application/octet-stream" } });

/** A small painting at once, as a Blob: `maxSide` px at most. */
export async function convert(body, look, { maxSide, format = "jpeg", signal }) {
  const path = `convert?${query(look, { max_side: maxSide, format, quality: 88 })}`;
  return (await request(path, upload(body, signal))).blob();
}

/** {width, height, faces, crop} of a picture, in its upright pixels. */
export const faces = (body, signal) => json("faces", upload(body, signal));

/** Puts a picture in the queue; the Job. */
export function submit(body, look, crop) {
  const extra = { format: "png" };
  if (crop) extra.crop = [crop.x, crop.y, crop.side].map(Math.round).join(",");
  return json(`jobs?${query(look, extra)}`, upload(body));
}

/** Cancels a job that runs and deletes photo and painting; a job that is gone already is fine. */
export async function remove(id) {
  try {
    await request(`jobs/${id}`, { method: "DELETE", keepalive: true });
  } catch (error) {
    if (error.status !== 404 && error.status !== 410) throw error;
  }
}

const RETRIES = 8;

// Asks again what a connection that broke, or a house that is full, kept from being answered; while the browser knows that
// it is offline, for as long as that lasts.
async function persistently(ask, signal) {
  for (let failures = 0; ;) {
    try {
      return await ask();
    } catch (error) {
      if (signal.aborted || (error.status >= 400 && error.status < 500 && error.status !== 429)) throw error;
      if (navigator.onLine && ++failures > RETRIES) throw error;
    }
    await sleep(1000 * Math.min(1 + failures, 5), signal);
  }
}

export const result = (id, signal) => persistently(async () => (await request(`jobs/${id}/result`, { signal })).blob(), signal);

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
    const job = await persistently(() => json(`jobs/${id}`, { signal }), signal);
    onJob(job);
    if (finished(job)) return job;
    await sleep(1000, signal);
  }
}

const SILENCE_MS = 25_000;

// Server-sent events by fetch and not by EventSource, which cannot send the key.
async function listen(id, onJob, signal) {
  const quiet = new AbortController();
  let timer = 0;
  const heard = () => { clearTimeout(timer); timer = setTimeout(() => quiet.abort(), SILENCE_MS); };
  heard();
  try {
    const both = AbortSignal.any([signal, quiet.signal]);
    const response = await request(`jobs/${id}/events`, { signal: both, headers: { Accept: "text/event-stream" } });
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
  }
}
