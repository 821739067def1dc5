// A stand-in for `kaiga serve` that behaves as badly as a test wants: slow, full, failing, silent. It serves the page from
// ../web as the server does and speaks the same HTTP; its paintings are canned. It can also be looked at by hand: node mock.mjs

import { createServer } from "node:http";
import { readFile } from "node:fs/promises";
import { randomUUID } from "node:crypto";
import { extname, join, normalize } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "./picture.mjs";

const web = fileURLToPath(new URL("../web/", import.meta.url));
const types = {
  ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png",
  ".webp": "image/webp", ".avif": "image/avif", ".jpg": "image/jpeg", ".txt": "text/plain; charset=utf-8", ".webmanifest": "application/manifest+json",
};
const csp = "default-src 'self'; connect-src 'self' https: http: data:; img-src 'self' blob: data:; media-src 'self' blob:; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";
const titles = {
  malformed: 400, unauthorized: 401, forbidden: 403, "not-found": 404, "not-ready": 409, gone: 410, "too-large": 413, "not-a-picture": 415,
  "broken-picture": 422, setting: 422, "rate-limited": 429, "queue-full": 429, internal: 500, "timed-out": 503, unavailable: 503,
};
const medium = (name) => (name === "manga" ? "screentone" : "colour");
const styles = ["meadow", "skyglow", "storybook", "portrait", "cel", "manga"]
  .map((name) => ({ name, tags: [`tag of ${name}`], description: `about ${name}`, medium: medium(name), credit: "" }));

// What the page needs of the settings that the server writes into it.
const slider = (max) => ({ min: 0, max, step: 0.05, default: 1 });
const settings = { style: { default: "meadow" }, strength: slider(1.5), saturation: slider(2), line: slider(2), eyes: slider(1.5), draw: slider(1), detail: { ...slider(1), default: 0 },
  faces: { words: ["on", "off", "only"], default: "on" } };

/** What a test may ask for; the defaults are a good day. */
export const goodDay = {
  stepMs: 25,            // between two steps of progress
  steps: 4,
  queueFull: 0,          // how many of the next submissions meet a full queue
  retryAfter: 1,
  refuse: null,          // kind of problem that every submission gets
  failJobs: null,        // kind of problem that every job ends with
  events: true,          // false: the events say nothing, as behind a proxy that holds them back
  faces: [],             // bounds as shares of the picture, [x, y, w, h]
  token: null,
  ttl: 1800,
  maxUploadBytes: 25_000_000,
  maxPixels: 50_000_000,
  imported: [],          // styles beside those that come with the program
  down: false,           // true: every connection is cut
};

export async function startMock(port = 0) {
  const mock = { behave: { ...goodDay }, seen: [], jobs: new Map() };
  const server = createServer((request, response) => {
    handle(mock, request, response).catch((error) => {
      if (error.kind) return problem(response, error.kind, error.message, error.retryAfter);
      console.error(error);
      problem(response, "internal", String(error));
    });
  });
  await new Promise((resolve) => server.listen(port, "127.0.0.1", resolve));
  mock.url = `http://localhost:${server.address().port}`;
  mock.close = () => { server.closeAllConnections(); server.close(); };
  return mock;
}

const refusal = (kind, message = kind, retryAfter) => Object.assign(new Error(message), { kind, retryAfter });

function problem(response, kind, detail, retryAfter) {
  const status = titles[kind];
  const headers = { "Content-Type": "application/problem+json", ...(retryAfter && { "Retry-After": String(retryAfter) }) };
  response.writeHead(status, headers).end(JSON.stringify({ type: `/problems/${kind}`, title: kind, status, detail, request_id: "req-test", retry_after_s: retryAfter }));
}

const json = (response, value, status = 200, headers = {}) =>
  response.writeHead(status, { "Content-Type": "application/json", ...headers }).end(JSON.stringify(value));

async function body(request) {
  const parts = [];
  for await (const part of request) parts.push(part);
  return Buffer.concat(parts);
}

async function handle(mock, request, response) {
  const url = new URL(request.url, "http://localhost");
  const path = url.pathname, { behave } = mock;
  mock.seen.push({ method: request.method, path, query: Object.fromEntries(url.searchParams) });
  if (behave.down) return request.destroy();
  if (path === "/healthz") return json(response, { status: "alive" });
  if (!path.startsWith("/api/")) return asset(path, response);
  const route = `${request.method} ${path.slice("/api/v1/".length)}`;
  if (route === "GET limits") {
    return json(response, { max_upload_bytes: behave.maxUploadBytes, max_pixels: behave.maxPixels, result_ttl_s: behave.ttl, auth_required: Boolean(behave.token),
      formats_in: ["jpeg", "png", "webp"], formats_out: ["png", "jpeg", "webp"] });
  }
  if (route === "GET styles") return json(response, { styles: [...styles, ...behave.imported], default: "meadow" });
  if (behave.token && request.headers.authorization !== `Bearer ${behave.token}`) throw refusal("unauthorized", "no key or a wrong one");
  if (route === "POST convert") {
    const bytes = await body(request);
    const { type } = check(bytes, behave);
    return picture(response, await paint(bytes), type);
  }
  if (route === "POST avatar") {
    const bytes = await body(request);
    return picture(response, bytes, check(bytes, behave).type);
  }
  if (route === "POST faces") {
    const { width, height } = check(await body(request), behave);
    const faces = behave.faces.map(([x, y, w, h]) => ({ bounds: [x * width, y * height, w * width, h * height], landmarks: [], score: 0.99 }));
    const side = Math.round(Math.min(width, height) * (faces.length ? 0.6 : 1));
    return json(response, { width, height, faces, crop: { x: Math.round((width - side) / 2), y: 0, side } });
  }
  if (route === "POST jobs") return submit(mock, url, request, response);
  const [, id, what] = path.match(/^\/api\/v1\/jobs\/([^/]+)(?:\/(\w+))?$/) ?? [];
  const entry = mock.jobs.get(id);
  if (!entry) throw refusal("not-found", "no such job");
  if (request.method === "DELETE") {
    if (["queued", "running"].includes(entry.job.state)) entry.job.state = "cancelled";
    mock.jobs.delete(id);
    return response.writeHead(204).end();
  }
  if (what === "events") return events(behave, entry, response);
  if (what === "result") return picture(response, await paint(entry.bytes), entry.type);
  return json(response, entry.job);
}

function check(bytes, behave) {
  if (bytes.length > behave.maxUploadBytes) throw refusal("too-large", `the picture has ${bytes.length} bytes`);
  const found = inspect(bytes);
  if (!found) throw refusal("not-a-picture", "the bytes begin like no picture");
  if (found.broken) throw refusal("broken-picture", "the picture ends too early");
  return found;
}

async function submit(mock, url, request, response) {
  const { behave } = mock;
  const bytes = await body(request);
  if (behave.refuse) throw refusal(behave.refuse, `refused: ${behave.refuse}`);
  if (behave.queueFull-- > 0) throw refusal("queue-full", "the queue is full", behave.retryAfter);
  const { width, height, type } = check(bytes, behave);
  const id = randomUUID(), now = Date.now();
  const job = { id, state: "queued", stage: "queued", progress: 0, position: 1, created_at: new Date(now).toISOString(),
    expires_at: new Date(now + behave.ttl * 1000).toISOString(), width, height };
  const entry = { job, bytes, type, query: Object.fromEntries(url.searchParams) };
  mock.jobs.set(id, entry);
  work(behave, entry);
  json(response, job, 202, { Location: `/api/v1/jobs/${id}` });
}

async function work({ steps, stepMs, failJobs }, { job }) {
  // A painting that nobody waits for any more keeps no process alive.
  const pause = () => new Promise((resolve) => setTimeout(resolve, stepMs).unref());
  await pause();
  Object.assign(job, { state: "running", stage: "decoding", position: undefined });
  for (let step = 1; step <= steps; step++) {
    await pause();
    if (job.state === "cancelled") return;
    Object.assign(job, { stage: step === steps ? "encoding" : "painting", progress: step / steps });
  }
  await pause();
  if (failJobs) {
    const error = { type: `/problems/${failJobs}`, title: failJobs, status: titles[failJobs], detail: `planned: ${failJobs}`, request_id: "req-job" };
    return Object.assign(job, { state: "failed", error });
  }
  Object.assign(job, { state: "done", stage: "done", progress: 1, result: `/api/v1/jobs/${job.id}/result` });
}

async function events(behave, { job }, response) {
  response.writeHead(200, { "Content-Type": "text/event-stream", "Cache-Control": "no-store" });
  if (!behave.events) return response.end(": held back\n\n");
  for (let last = ""; !response.destroyed; await new Promise((resolve) => setTimeout(resolve, 10))) {
    const text = JSON.stringify(job);
    if (text === last) continue;
    last = text;
    const over = ["done", "failed", "cancelled"].includes(job.state);
    response.write(`event: ${over ? job.state : "progress"}\ndata: ${text}\n\n`);
    if (over) return response.end();
  }
}

// The street has a true painting; anything else comes back as it was.
async function paint(bytes) {
  const { width, height } = inspect(bytes);
  return Math.abs(width / height - 4 / 3) < 0.01 ? readFile(fileURLToPath(new URL("painted-street.webp", import.meta.url))) : bytes;
}

const picture = (response, bytes, type) =>
  response.writeHead(200, { "Content-Type": inspect(bytes)?.type ?? type, "Cache-Control": "no-store" }).end(bytes);

async function asset(path, response) {
  const name = path === "/" ? "index.html" : path.replace(/^\/assets\/[^/]+\//, "/");
  try {
    let bytes = await readFile(join(web, normalize(name)));
    if (/\.(html|webmanifest)$|sw\.js$/.test(name)) {
      bytes = bytes.toString().replaceAll("__ASSETS__", "/assets/test").replaceAll("__ORIGIN__", "").replaceAll("__SETTINGS__", JSON.stringify(settings));
    }
    response.writeHead(200, { "Content-Type": types[extname(name)], "Content-Security-Policy": csp, "Cache-Control": "no-cache", "X-Content-Type-Options": "nosniff" }).end(bytes);
  } catch {
    problem(response, "not-found", "no such page");
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const { url } = await startMock(Number(process.env.PORT ?? 8090));
  console.log(url);
}
