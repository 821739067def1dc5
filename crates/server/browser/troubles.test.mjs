// Bad days: what the page says and does when the server is full, slow, silent or gone. A good server has none on demand, so
// these are asked of the stand-in.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { check } from "./axe.mjs";
import { brokenFile, choose, close, drop, fileOf, mock, newPage, openStandIn, street, textFile, tidy, until, waitPainted, waitThumbnails } from "./harness.mjs";

const refused = /status of [45]\d\d|Failed to load|ERR_/;

before(openStandIn);
after(close);
afterEach(tidy);

test("every kind of error has its own words and says what to do", async () => {
  const page = await newPage({ allowed: refused });
  const said = new Set();
  for (const [kind, title] of [["broken-picture", "damaged"], ["not-a-picture", "not a picture"], ["too-large", "too large"], ["setting", "out of range"],
    ["malformed", "did not understand"], ["forbidden", "not allowed"], ["internal", "wrong in the server"], ["timed-out", "took too long"], ["unavailable", "starting or stopping"]]) {
    mock.behave.refuse = kind;
    await choose(page, [fileOf(street, `${kind}.jpg`)]);
    const alert = page.locator(".trouble [role=alert]", { hasText: title });
    await alert.waitFor();
    assert.match(await alert.textContent(), new RegExp(`refused: ${kind}.*req-test`), "the server's words and the request's number are there");
    said.add(await alert.locator("p").nth(1).textContent());
    assert.ok(await alert.getByRole("button", { name: "Try again" }).isVisible());
    mock.behave.refuse = null;
    await page.getByRole("button", { name: `Remove ${kind}.jpg` }).or(alert.getByRole("button", { name: "Remove this photo" })).last().click();
    await page.locator("#welcome").waitFor();
  }
  assert.equal(said.size, 9, "nine kinds, nine pieces of advice");
  await page.finish();
});

test("a text file and a damaged photo, in the user's language; another try works", async () => {
  const page = await newPage({ allowed: refused, locale: "zh-CN" });
  await drop(page, [textFile()]);
  await page.getByText("这不是 kaiga 能读的图片").waitFor();
  await page.getByText("HEIC 照片请先另存为 JPEG").waitFor();
  await page.getByRole("button", { name: "移除这张照片" }).click();
  mock.behave.failJobs = "timed-out";
  await choose(page, [fileOf(street)]);
  await page.getByText("作画时间太长").waitFor();
  mock.behave.failJobs = null;
  await page.getByRole("button", { name: "重试" }).click();
  await waitPainted(page);
  assert.equal(await page.locator(".trouble").textContent(), "");
  await choose(page, [brokenFile()]);
  await page.getByText("这张图片已损坏").waitFor();
  await page.finish();
});

test("a full server is waited for as long as it asks", async () => {
  const page = await newPage({ allowed: refused });
  Object.assign(mock.behave, { queueFull: 2, retryAfter: 1 });
  await choose(page, [fileOf(street)]);
  await page.locator("#progress .stagewords", { hasText: /The server is busy; trying again in \d s/ }).waitFor();
  await waitPainted(page);
  assert.equal(mock.seen.filter(({ method, path }) => method === "POST" && path === "/api/v1/jobs").length, 3);
  await page.finish();
});

test("a server that stays full is not asked for ever", async () => {
  const page = await newPage({ path: null, allowed: refused });
  // The page's minutes pass as fast as it has finished what they held.
  await page.clock.install();
  await page.goto(page.home);
  for (const [kind, title, advice] of [["queue-full", "The server is busy", "Try again in a minute"], ["rate-limited", "That was a lot in a short time", "Wait a little"]]) {
    mock.behave.refuse = kind;
    mock.seen.length = 0;
    await choose(page, [fileOf(street, `${kind}.jpg`)]);
    const alert = page.locator(".trouble [role=alert]", { hasText: title });
    await until(async () => { await page.clock.runFor(3000); return alert.isVisible(); }, "the page gives up");
    assert.match(await alert.textContent(), new RegExp(advice));
    assert.equal(mock.seen.filter(({ method, path }) => method === "POST" && path === "/api/v1/jobs").length, 20);
    mock.behave.refuse = null;
    await alert.getByRole("button", { name: "Try again" }).click();
    await waitPainted(page);
  }
  await page.finish();
});

test("events that do not come through: the page asks instead", async () => {
  const page = await newPage();
  mock.behave.events = false;
  await choose(page, [fileOf(street)]);
  await waitPainted(page);
  assert.ok(mock.seen.some(({ method, path }) => method === "GET" && /jobs\/[^/]+$/.test(path)));
  await page.finish();
});

test("a slow painting shows how far it is and can be given up", async () => {
  const page = await newPage();
  Object.assign(mock.behave, { stepMs: 150, steps: 40 });
  await choose(page, [fileOf(street)]);
  await page.locator("#progress .stagewords", { hasText: "Painting" }).waitFor();
  const bar = page.locator("#progress progress");
  await page.waitForFunction(() => document.querySelector("#progress progress").value > 0.05);
  const early = await bar.evaluate((element) => element.value);
  await page.waitForFunction((value) => document.querySelector("#progress progress").value > value + 0.04, early);
  assert.match(await page.locator(".percent").textContent(), /^\d+ %$/);
  assert.equal(await page.locator(".petal").count(), 14, "petals fall");
  await page.getByRole("button", { name: "Cancel" }).click();
  await page.locator("#progress").waitFor({ state: "hidden" });
  await until(() => mock.jobs.size === 0, "the server was told");
  await page.getByRole("button", { name: "Paint", exact: true }).waitFor();
  await page.finish();
});

test("no petals and no turning for those who asked for less motion", async () => {
  const page = await newPage({ reducedMotion: "reduce" });
  Object.assign(mock.behave, { stepMs: 100, steps: 30 });
  await choose(page, [fileOf(street)]);
  await page.locator("#progress .stagewords", { hasText: "Painting" }).waitFor();
  assert.equal(await page.locator(".petal").count(), 0);
  assert.deepEqual(await page.evaluate(() => document.getAnimations().map((animation) => animation.animationName ?? animation.transitionProperty)), []);
  await page.finish();
});

test("a server that asks for a key gets it", async () => {
  const page = await newPage({ path: null, allowed: refused });
  mock.behave.token = "sesame";
  await page.goto(page.home);
  await page.getByLabel("Key", { exact: true }).fill("sesame");
  await page.getByRole("button", { name: "Use the key" }).click();
  await choose(page, [fileOf(street)]);
  await waitPainted(page);
  await page.evaluate(() => sessionStorage.setItem("token", "wrong"));
  await page.reload();
  await choose(page, [fileOf(street)]);
  await page.getByText("The server asks for a key").waitFor();
  await page.getByRole("button", { name: "Try again" }).click();
  await page.getByLabel("Key", { exact: true }).fill("sesame");
  await page.keyboard.press("Enter");
  await waitPainted(page);
  await page.finish();
});

test("a connection that breaks while painting", async () => {
  const page = await newPage({ allowed: refused });
  Object.assign(mock.behave, { stepMs: 100, steps: 20 });
  await choose(page, [fileOf(street)]);
  await page.locator("#progress .stagewords", { hasText: "Painting" }).waitFor();
  await page.context().setOffline(true);
  await page.getByText("You are offline.").waitFor();
  // Painted while nobody hears of it.
  await until(() => [...mock.jobs.values()].every(({ job }) => job.state === "done"), "the painting is done");
  await page.context().setOffline(false);
  await waitPainted(page);
  await page.context().setOffline(true);
  await choose(page, [fileOf(street, "second.jpg")]);
  await page.getByText("The server cannot be reached").first().waitFor();
  await page.context().setOffline(false);
  await page.getByRole("button", { name: "Try again" }).click();
  await waitPainted(page);
  await page.finish();
});

test("a photo above the server's limit is told so before it is sent", async () => {
  const page = await newPage({ path: null });
  mock.behave.maxUploadBytes = 50_000;
  await page.goto(page.home);
  await page.waitForFunction(() => document.querySelector("#privacy").textContent.includes("minutes"));
  await choose(page, [fileOf(street)]);
  await page.getByText("Up to 0.1 MB and 50 MP are taken here.").waitFor();
  assert.ok(!mock.seen.some(({ method }) => method === "POST"));
  await page.finish();
});

test("a camera that is refused says how to allow it", async () => {
  const page = await newPage({ path: null });
  await page.addInitScript(() => { navigator.mediaDevices.getUserMedia = async () => { throw new DOMException("no", "NotAllowedError"); }; });
  await page.goto(page.home);
  await page.getByRole("button", { name: "Camera" }).click();
  await page.getByText("The browser was not allowed to use the camera.").waitFor();
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.locator("dialog").getByRole("button", { name: "Choose photos" }).click()]);
  assert.ok(chooser.isMultiple());
  await page.locator("dialog").waitFor({ state: "detached" });
  await page.finish();
});

// What the pictures of access.test.mjs cannot hold still.
const asides = async (name, options) => {
  const page = await newPage({ bypassCSP: true, allowed: refused, path: null, ...options });
  mock.behave.token = "sesame";
  await page.goto(page.home);
  await page.locator("#key").waitFor();
  await check(page, `${name}-7-key`);
  await page.locator("#key").fill("sesame");
  await page.keyboard.press("Enter");
  Object.assign(mock.behave, { stepMs: 200, steps: 600, faces: [[0.3, 0.15, 0.4, 0.2], [0.1, 0.6, 0.2, 0.1]] });
  await choose(page, [fileOf(street)]);
  await page.waitForFunction(() => document.querySelector("#progress progress").value > 0.01);
  await waitThumbnails(page);
  await check(page, `${name}-8-painting`);
  await page.context().setOffline(true);
  await page.locator("#offline").waitFor();
  await check(page, `${name}-9-offline`);
  await page.finish();
};

test("a key is asked for, it paints, the network goes: light", () => asides("light-en", {}));
test("a key is asked for, it paints, the network goes: dark, on a phone", () =>
  asides("phone-dark-zh", { locale: "zh-CN", colorScheme: "dark", viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true }));
