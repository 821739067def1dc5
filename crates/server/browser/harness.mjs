// What the browser tests share: one Chromium, a server (the one at KAIGA_URL, or the stand-in), pages that are watched for
// errors and for what they ask of the server, pictures to put in.

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";
import { goodDay, startMock } from "./mock.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));

export const shots = here("../../../runs/browser/");
export const street = here("../../../samples/street.jpg");
export const drawnFace = here("drawn-face.jpg");
/** A drawn person whom the server finds. */
export const drawnPerson = here("drawn-person.png");
/** How long anything may take: nothing here is a measure of time, and the machine may have much else to do. */
export const PATIENCE_MS = 120_000;

/** The stand-in, where there is one. */
export let mock = null;
let browser = null, url = null;
const contexts = new Set();

/** Tests against the server at KAIGA_URL. */
export async function open() {
  url = process.env.KAIGA_URL;
  assert.ok(url, "KAIGA_URL says where a server is; run.sh starts one");
  await start();
}

/** Tests against the stand-in, which has bad days when asked for them. */
export async function openStandIn() {
  mock = await startMock();
  url = mock.url;
  await start();
}

async function start() {
  mkdirSync(shots, { recursive: true });
  browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
    timeout: PATIENCE_MS,
  });
}

export async function close() {
  await browser?.close();
  mock?.close();
}

/**
 * A fresh page, `options` as Playwright's contexts have them. Errors of the page and of its content security policy fail
 * the test when it calls page.finish(); `allowed` is a pattern of console messages that the test provokes. page.asked lists
 * the requests {method, path, query}, page.jobs the ids of the jobs that were taken on.
 */
export async function newPage({ allowed = null, path = "/", ...options } = {}) {
  if (mock) { mock.behave = { ...goodDay }; mock.seen.length = 0; mock.jobs.clear(); }
  const context = await browser.newContext({ locale: "en-GB", viewport: { width: 1280, height: 860 }, acceptDownloads: true, ...options });
  contexts.add(context);
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE_MS);
  const troubles = [];
  page.on("pageerror", (error) => troubles.push(`error: ${error.stack}`));
  page.on("console", (message) => {
    if (message.type() === "error" && !allowed?.test(message.text())) troubles.push(`console: ${message.text()} ${message.location().url}`);
  });
  page.asked = [];
  page.jobs = [];
  page.on("request", (request) => {
    const { origin, pathname: path, searchParams } = new URL(request.url());
    if (origin === new URL(url).origin) page.asked.push({ method: request.method(), path, query: Object.fromEntries(searchParams) });
  });
  page.on("response", (response) => { if (response.status() === 202) page.jobs.push(response.headers().location.split("/").pop()); });
  page.finish = async () => {
    contexts.delete(context);
    await context.close();
    assert.deepEqual(troubles, []);
  };
  page.home = url;
  if (path !== null) {
    await page.goto(url + path);
    // The styles are there: the page has spoken with the server.
    await page.locator(".stylecard").first().waitFor({ state: "attached" });
  }
  return page;
}

/** Closes what a failed test left open. */
export async function tidy() {
  for (const context of contexts) await context.close();
  contexts.clear();
}

/** Waits until `holds()` is true, asking again and again. */
export async function until(holds, what) {
  for (const end = Date.now() + PATIENCE_MS; !(await holds());) {
    assert.ok(Date.now() < end, `waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}

/** Whether nothing of a job is to be had from the server any more. */
export async function isGone(page, id) {
  const picture = await page.request.get(`${page.home}/api/v1/jobs/${id}/result`);
  return [404, 410].includes(picture.status());
}

/** Files as Playwright's setInputFiles takes them, and drop() below. */
export const fileOf = (path, name = path.split("/").pop(), mimeType = "image/jpeg") => ({ name, mimeType, buffer: readFileSync(path) });
/** A PNG that ends too early. A JPEG would not do: decoders paint what there is of it. */
export const brokenFile = () => ({ name: "broken.png", mimeType: "image/png", buffer: readFileSync(here("../web/icon-192.png")).subarray(0, 3000) });
export const textFile = () => ({ name: "letter.txt", mimeType: "text/plain", buffer: Buffer.from("Dear kaiga, this is not a picture.") });

/** The street as a phone held upright saves it: EXIF says to turn it by a quarter (orientation 6). */
export function turnedFile() {
  const exif = Buffer.from("ffe1 0022 457869660000 4d4d002a00000008 0001 0112 0003 00000001 00060000 00000000".replaceAll(" ", ""), "hex");
  const { buffer } = fileOf(street);
  return { name: "turned.jpg", mimeType: "image/jpeg", buffer: Buffer.concat([buffer.subarray(0, 2), exif, buffer.subarray(2)]) };
}

/** A TIFF with a gradient, which Chromium does not show: uncompressed RGB, one strip (TIFF 6.0, section 6). */
export function tiffFile(width, height) {
  const pixels = Buffer.from(Array.from({ length: width * height }, (_, at) => [at % width / width, Math.floor(at / width) / height, 0.6]).flat().map((value) => value * 255));
  const tags = [[256, 4, 1, width], [257, 4, 1, height], [258, 3, 3, 8 + 2 + 8 * 12 + 4], [259, 3, 1, 1], [262, 3, 1, 2], [273, 4, 1, 8 + 2 + 8 * 12 + 4 + 6], [277, 3, 1, 3],
    [279, 4, 1, pixels.length]];
  const head = Buffer.alloc(8 + 2 + 8 * 12 + 4 + 6);
  head.write("II*\0", "latin1");
  head.writeUInt32LE(8, 4);
  head.writeUInt16LE(tags.length, 8);
  tags.forEach(([tag, type, count, value], index) => {
    const at = 10 + 12 * index;
    head.writeUInt16LE(tag, at);
    head.writeUInt16LE(type, at + 2);
    head.writeUInt32LE(count, at + 4);
    if (type === 3 && count === 1) head.writeUInt16LE(value, at + 8);
    else head.writeUInt32LE(value, at + 8);
  });
  for (const at of [0, 2, 4]) head.writeUInt16LE(8, head.length - 6 + at);
  return { name: "scan.tif", mimeType: "image/tiff", buffer: Buffer.concat([head, pixels]) };
}

/** Drops files on the middle of the page, as a file manager would. */
export async function drop(page, files) {
  const transfer = await page.evaluateHandle((list) => {
    const data = new DataTransfer();
    for (const { name, mimeType, base64 } of list) {
      data.items.add(new File([Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))], name, { type: mimeType }));
    }
    return data;
  }, files.map(({ buffer, ...rest }) => ({ ...rest, base64: buffer.toString("base64") })));
  await page.dispatchEvent("main", "dragenter", { dataTransfer: transfer });
  await page.dispatchEvent("main", "dragover", { dataTransfer: transfer });
  const veiled = await page.locator("#drop").isVisible();
  await page.dispatchEvent("main", "drop", { dataTransfer: transfer });
  return veiled;
}

export const choose = (page, files) => page.setInputFiles("#files", files);

/** Waits until the picture in the viewer is painted as the settings are: no bar, no badge, nothing to wait for. */
export async function waitPainted(page) {
  await page.waitForFunction(() => {
    const gone = (selector) => { const element = document.querySelector(selector); return !element || element.hidden || !element.checkVisibility(); };
    return document.querySelector("#viewer .painting img")?.currentSrc && document.querySelector("#viewer .painting img").naturalWidth > 0
      && document.querySelector("#viewer .frame").dataset.fresh === "true" && gone("#progress") && gone("#viewer .badge") && gone("#save .hint");
  }, null, { timeout: PATIENCE_MS });
}

/** Waits until the card of every style shows the user's own picture in that style, whole. */
export async function waitThumbnails(page) {
  await page.waitForFunction(() => {
    const cards = [...document.querySelectorAll(".stylecard")];
    return cards.length > 1 && cards.every((card) => !card.matches(".pending") && card.querySelector("img").naturalWidth > 0);
  }, null, { timeout: PATIENCE_MS });
}

/** Mean colour difference (CIE 1976, L*a*b*) of each two of the pictures that `selector` finds, which are alike in size. */
export const colourDifferences = (page, selector) => page.locator(selector).evaluateAll((images) => {
  const linear = Float64Array.from({ length: 256 }, (_, value) => (value <= 10 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
  const bend = (t) => (t > 216 / 24389 ? Math.cbrt(t) : (24389 / 27 * t + 16) / 116);
  const labs = images.map((image) => {
    const { naturalWidth: width, naturalHeight: height } = image;
    const context = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
    context.drawImage(image, 0, 0);
    const { data } = context.getImageData(0, 0, width, height), lab = new Float64Array(3 * width * height);
    for (let at = 0; at < width * height; at++) {
      const [r, g, b] = [0, 1, 2].map((channel) => linear[data[4 * at + channel]]);
      const x = bend((0.4124 * r + 0.3576 * g + 0.1805 * b) / 0.9505), y = bend(0.2126 * r + 0.7152 * g + 0.0722 * b), z = bend((0.0193 * r + 0.1192 * g + 0.9505 * b) / 1.089);
      lab.set([116 * y - 16, 500 * (x - y), 200 * (y - z)], 3 * at);
    }
    return lab;
  });
  const found = [];
  labs.forEach((one, first) => labs.slice(first + 1).forEach((other, index) => {
    let sum = 0;
    for (let at = 0; at < one.length; at += 3) sum += Math.hypot(one[at] - other[at], one[at + 1] - other[at + 1], one[at + 2] - other[at + 2]);
    const name = (image) => image.closest("label").querySelector("input").value;
    found.push([name(images[first]), name(images[first + 1 + index]), sum / (one.length / 3)]);
  }));
  return found;
});

export const paintingSize = (page) => page.locator("#viewer .painting img").evaluate((image) => [image.naturalWidth, image.naturalHeight]);
export const paintingUrl = (page) => page.locator("#viewer .painting img").getAttribute("src");

/** Waits for what `act` downloads: {name, bytes}. */
export async function downloadBy(page, act) {
  const [download] = await Promise.all([page.waitForEvent("download"), act()]);
  return { name: download.suggestedFilename(), bytes: readFileSync(await download.path()) };
}
