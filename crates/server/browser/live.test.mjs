// The camera painted live, with Chromium's fake camera against a real server.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { check } from "./axe.mjs";
import { close, downloadBy, newPage, open, tidy, until, waitPainted } from "./harness.mjs";

before(open);
after(close);
afterEach(tidy);

/** Listens to the page's WebSockets: {sent, came} count frames, `told` are texts of the page, `open` is how many are open. */
function watched(page) {
  const seen = { sent: 0, came: 0, told: [], open: 0 };
  page.on("websocket", (socket) => {
    seen.open++;
    socket.on("framesent", ({ payload }) => { if (typeof payload === "string") seen.told.push(JSON.parse(payload)); else seen.sent++; });
    socket.on("framereceived", ({ payload }) => { if (typeof payload !== "string") seen.came++; });
    socket.on("close", () => { seen.open--; });
  });
  return seen;
}

/** Mean difference of the painting to what the camera shows in its corner, of 255. */
const differs = (page) => page.evaluate(() => {
  const pixels = (source) => {
    const context = Object.assign(document.createElement("canvas"), { width: 64, height: 48 }).getContext("2d");
    context.drawImage(source, 0, 0, 64, 48);
    return context.getImageData(0, 0, 64, 48).data;
  };
  const [a, b] = [document.querySelector(".livecanvas"), document.querySelector(".livecamera")].map(pixels);
  return a.reduce((sum, value, at) => sum + Math.abs(value - b[at]), 0) / a.length;
});

test("the camera is painted live, in the look of now; it is recorded, and a moment of it kept", async () => {
  const page = await newPage({ bypassCSP: true });
  const seen = watched(page);
  await page.locator("#live-tab").focus();
  await page.keyboard.press("Enter");
  await page.locator(".livestage.painted").waitFor();
  assert.equal(new URL(page.url()).hash, "#live");
  await until(() => seen.came >= 20, "twenty paintings came");
  assert.ok(seen.sent - seen.came <= 2, `${seen.sent} were sent and ${seen.came} came: nothing queues`);
  const unlike = await differs(page);
  assert.ok(unlike > 2, `painting and camera differ by ${unlike} of 255`);
  assert.equal(await page.locator("#spoken").textContent(), "The camera is painted live");
  await page.getByText(/frames a second, .* ms behind/).waitFor();

  await page.locator(".stylecard", { hasText: "Skyglow" }).click();
  await page.locator("#slider-line").focus();
  await page.keyboard.press("End");
  await until(() => seen.told.at(-1)?.style === "skyglow" && seen.told.at(-1).line > 1, "the server knows the look");
  const before = seen.came;
  await until(() => seen.came > before + 5, "paintings go on");
  assert.equal(page.jobs.length, 0, "no photo was handed in");

  await page.getByRole("button", { name: "Record" }).click();
  await page.getByText(/Recording 0:0[1-9]/).waitFor();
  const { name, bytes } = await downloadBy(page, () => page.getByRole("button", { name: "Stop and save" }).click());
  assert.ok(name === "kaiga-live.webm" && bytes.length > 5000 && bytes.readUInt32BE() === 0x1a45dfa3, `${name}, ${bytes.length} bytes`);

  await page.waitForTimeout(3000);
  console.log("live:", await page.locator(".livefigures").textContent());
  await check(page, "live");

  await page.getByRole("button", { name: "Take a photo of it" }).click();
  await page.getByText("Taken: it is being painted finely").waitFor();
  await page.getByRole("button", { name: "Show it" }).click();
  await waitPainted(page);
  assert.equal(page.jobs.length, 1);
  await until(() => seen.open === 0, "the camera is let go");
  assert.equal(await page.locator(".livecamera").evaluate((video) => video.srcObject.active), false);
  await page.goBack();
  await page.locator(".livestage.painted").waitFor();
  await page.locator("#live-tab").click();
  await until(() => seen.open === 0, "it is over");
  assert.ok(await page.locator("#viewer").isVisible(), "back to the photo");
  await page.finish();
});

test("on a phone, and where there is no camera", async () => {
  const phone = await newPage({ bypassCSP: true, viewport: { width: 390, height: 844 }, locale: "ja-JP", path: "/#live" });
  await phone.locator(".livestage.painted").waitFor();
  await phone.getByText(/毎秒/).waitFor();
  assert.equal(await phone.evaluate(() => scrollY), 0);
  await check(phone, "live-phone-ja");
  assert.ok(await phone.evaluate(() => document.documentElement.scrollWidth <= innerWidth), "nothing sticks out");
  await phone.finish();

  const none = await newPage({ bypassCSP: true, locale: "zh-CN" });
  await none.evaluate(() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException("none", "NotFoundError")); });
  await none.locator("#live-tab").click();
  await none.getByRole("alert").filter({ hasText: "没有找到摄像头" }).waitFor();
  await check(none, "live-no-camera-zh");
  await none.finish();
});
