// A smoke test of the page in the other engines: Gecko (Firefox, by WebDriver BiDi) and WebKit (WebKitGTK's MiniBrowser, by
// WebDriver), with cameras of their own making. No part of .ci/run, for it wants these browsers. On Debian, after run.sh:
//   apt-get install firefox-esr webkit2gtk-driver xvfb && npm install --no-save puppeteer-core@25
//   ../serving.sh node engines.mjs firefox
//   ../serving.sh xvfb-run -a node engines.mjs webkit

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { shots, until } from "./harness.mjs";

const url = process.env.KAIGA_URL;

/** Each engine: {go(url), run(function, …arguments) → what it returns, press(key), picture() → PNG, troubles, close()}. */
const engines = {
  async firefox() {
    const { default: puppeteer } = await import("puppeteer-core");
    const browser = await puppeteer.launch({ browser: "firefox", executablePath: process.env.FIREFOX ?? "/usr/bin/firefox-esr",
      extraPrefsFirefox: { "media.navigator.streams.fake": true, "media.navigator.permission.disabled": true } });
    const page = await browser.newPage();
    const troubles = [];
    page.on("pageerror", (error) => troubles.push(String(error)));
    page.on("console", (message) => { if (message.type() === "error") troubles.push(message.text()); });
    await page.setViewport({ width: 1280, height: 860 });
    return {
      go: (to) => page.goto(to), run: (act, ...values) => page.evaluate(act, ...values), press: (key) => page.keyboard.press(key), picture: () => page.screenshot(),
      troubles, close: () => browser.close(),
    };
  },

  async webkit() {
    const port = await new Promise((resolve) => {
      const server = createServer().listen(0, "127.0.0.1", () => { const { port } = server.address(); server.close(() => resolve(port)); });
    });
    const driver = spawn("WebKitWebDriver", [`--port=${port}`], { stdio: "inherit" });
    const ask = async (method, path, body) => {
      const answer = await fetch(`http://127.0.0.1:${port}/session${path}`, { method, body: body && JSON.stringify(body) });
      const { value } = await answer.json();
      if (!answer.ok) throw new Error(`${value.error}: ${value.message}`);
      return value;
    };
    await until(() => fetch(`http://127.0.0.1:${port}/status`).then(({ ok }) => ok, () => false), "WebKitWebDriver listens");
    const binary = process.env.MINIBROWSER ?? "/usr/lib/x86_64-linux-gnu/webkit2gtk-4.1/MiniBrowser";
    const { sessionId } = await ask("POST", "", { capabilities: { alwaysMatch: { "webkitgtk:browserOptions": { binary, args: ["--automation", "--enable-media-stream=true", "--enable-mock-capture-devices=true"] } } } });
    await ask("POST", `/${sessionId}/timeouts`, { script: 60_000, pageLoad: 60_000 });
    const codes = { ArrowRight: "\uE014", Home: "\uE011" };
    return {
      go: (to) => ask("POST", `/${sessionId}/url`, { url: to }),
      run: (act, ...values) => ask("POST", `/${sessionId}/execute/async`, {
        script: `const done = arguments[arguments.length - 1]; Promise.resolve((${act})(...[...arguments].slice(0, -1))).then(done, (error) => done("failed: " + error));`, args: values }),
      press: (key) => ask("POST", `/${sessionId}/actions`, { actions: [{ type: "key", id: "keys", actions: ["keyDown", "keyUp"].map((type) => ({ type, value: codes[key] ?? key })) }] }),
      picture: async () => Buffer.from(await ask("GET", `/${sessionId}/screenshot`), "base64"),
      // This driver has no console: what the page throws is collected from within.
      troubles: [],
      close: async () => { await ask("DELETE", `/${sessionId}`).catch(() => {}); driver.kill(); },
    };
  },
};

const painted = () => {
  const image = document.querySelector("#viewer .painting img");
  const gone = (selector) => !document.querySelector(selector)?.checkVisibility();
  return Boolean(image?.currentSrc && image.naturalWidth > 0) && gone("#progress") && gone("#viewer .badge") && gone("#save .hint") && gone("#sliders .primary");
};
const button = (words) => [...document.querySelectorAll("button")].find((each) => each.checkVisibility() && each.textContent.trim() === words).click();

// What is saved and thrown, kept in the page: blobs by their address, the links that were clicked.
const listen = () => {
  window.saved = [];
  window.thrown = [];
  const blobs = new Map(), { createObjectURL } = URL;
  URL.createObjectURL = (blob) => { const address = createObjectURL.call(URL, blob); blobs.set(address, blob); return address; };
  HTMLAnchorElement.prototype.click = function click() { window.saved.push([this.download, blobs.get(this.href)]); };
  addEventListener("error", (event) => window.thrown.push(event.message));
  addEventListener("unhandledrejection", (event) => window.thrown.push(String(event.reason)));
};
const saved = async (count) => window.saved.length >= count && [window.saved.at(-1)[0], window.saved.at(-1)[1].type, [...new Uint8Array(await window.saved.at(-1)[1].slice(0, 4).arrayBuffer())]];

const name = process.argv[2];
const { go, run, press, picture, troubles, close } = await engines[name]();
const step = (words) => console.log(`${name}: ${words}`);
const shoot = async (what) => { mkdirSync(shots, { recursive: true }); writeFileSync(join(shots, `${name}-${what}.png`), await picture()); };
try {
  await go(url);
  await until(() => run(() => document.querySelectorAll(".stylecard").length === 6), "the styles are there");
  await run(() => { document.querySelector("#language").value = "en"; document.querySelector("#language").dispatchEvent(new Event("change", { bubbles: true })); });
  await run(listen);
  step(`the page is there, ${await run(() => navigator.userAgent)}`);

  await until(() => run(() => [...document.querySelectorAll("#welcome img")].every(({ complete, naturalWidth }) => complete && naturalWidth > 0)), "the examples are shown");
  await shoot("1-welcome");

  await run(button, "A street");
  await until(() => run(painted), "the sample is painted");
  step("the sample is painted");
  await until(() => run(() => document.querySelectorAll(".stylecard:not(.pending) img").length === 6), "every style has its thumbnail");

  // After the opening move, which sets the divider by itself.
  const at = () => run(() => document.querySelector("#viewer .split").style.getPropertyValue("--at"));
  await run(() => document.querySelector("#viewer .splitrange").focus());
  await press("Home");
  assert.equal(await at(), "0%");
  for (let count = 0; count < 5; count++) await press("ArrowRight");
  assert.equal(await at(), "5%");
  assert.match(await run(() => getComputedStyle(document.querySelector("#viewer .layer.painting")).clipPath), /5%/);
  step("the divider moves by keys");

  const before = await run(() => document.querySelector("#viewer .painting img").src);
  await run(() => document.querySelector("input[value=skyglow]").click());
  await until(async () => (await run((old) => document.querySelector("#viewer .painting img").src !== old, before)) && run(painted), "another style is painted");
  step("another style is painted");

  const magic = { PNG: [0x89, 0x50, 0x4e, 0x47], JPEG: [0xff, 0xd8, 0xff], WebP: [0x52, 0x49, 0x46, 0x46] };
  const formats = await run(() => [...document.querySelectorAll("#format option")].map(({ value, textContent }) => [value, textContent]));
  for (const [index, [type, label]] of formats.entries()) {
    await run((value) => { document.querySelector("#format").value = value; }, type);
    await run(button, "Save");
    await until(() => run(saved, index + 1), `${label} is saved`);
    const [file, kind, bytes] = await run(saved, index + 1);
    assert.deepEqual([kind, bytes.slice(0, magic[label].length)], [type, magic[label]], file);
  }
  step(`saved as ${formats.map(([, label]) => label).join(", ")}`);

  await run(async (base64) => {
    const transfer = new DataTransfer();
    for (const title of ["one.jpg", "二.jpg"]) transfer.items.add(new File([Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))], title, { type: "image/jpeg" }));
    document.querySelector("#files").files = transfer.files;
    document.querySelector("#files").dispatchEvent(new Event("change", { bubbles: true }));
  }, readFileSync(new URL("../../../samples/street.jpg", import.meta.url)).toString("base64"));
  await until(() => run(() => document.querySelectorAll(".cell[data-status=done]").length === 3), "three are painted");
  await run(button, "Save all as zip (3)");
  await until(() => run(saved, formats.length + 1), "the zip is saved");
  const [file, , bytes] = await run(saved, formats.length + 1);
  assert.deepEqual([file, bytes.slice(0, 2)], ["kaiga.zip", [0x50, 0x4b]]);
  step("three photos as a zip");

  for (const [language, words] of [["zh", "保存"], ["ja", "保存"], ["en", "Save"]]) {
    await run((value) => { document.querySelector("#language").value = value; document.querySelector("#language").dispatchEvent(new Event("change", { bubbles: true })); }, language);
    await until(() => run((wanted) => [...document.querySelectorAll("button")].some((each) => each.textContent.trim() === wanted), words), `${language} is spoken`);
  }
  step("three languages");

  await shoot("2-gallery");
  await run(button, "Crop to a square");
  await until(() => run(() => Boolean(document.querySelector("dialog .square"))), "the square is shown");
  await shoot("3-crop");
  await run(button, "Use this square");
  await until(() => run(painted), "the square is painted");
  step("a square is cut and painted");

  const colours = () => run(() => {
    const canvas = document.querySelector(".livecanvas");
    return new Set(canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data).size;
  });
  await run(() => document.querySelector("#live-tab").click());
  await until(() => run(() => Boolean(document.querySelector(".livestage.painted"))), "the camera is painted live");
  await until(() => run(() => /frames a second/.test(document.querySelector(".livefigures").textContent)), "more than one frame is painted");
  assert.ok(await colours() > 2, "it is a picture");
  await shoot("4-live");
  if (await run(() => [...document.querySelectorAll(".liveactions button")].some((each) => each.checkVisibility() && each.textContent === "Record"))) {
    await run(button, "Record");
    await new Promise((resolve) => setTimeout(resolve, 2500));
    const before = await run(() => window.saved.length);
    await run(button, "Stop and save");
    await until(() => run(saved, before + 1), "the recording is saved");
    const [file, kind] = await run(saved, before + 1);
    assert.match(`${file} ${kind}`, /^kaiga-live\.(webm|mp4) video\//);
    step(`the camera is painted live, recorded as ${kind}`);
  } else step("the camera is painted live; this engine records no canvas");
  await run(button, "Leave live");

  assert.deepEqual([...troubles, ...(await run(() => window.thrown))], []);
} finally {
  await close();
}
