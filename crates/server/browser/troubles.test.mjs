// Bad days: what the page says and does when the server is full, slow, silent or gone. A good server has none on demand, so
// these are asked of the stand-in.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { check } from "./axe.mjs";
import { brokenFile, choose, close, drop, fileOf, mock, newPage, openStandIn, street, textFile, tidy, until, waitPainted, waitThumbnails } from "./harness.mjs";

const refused = /status of [45]\d\d|Failed to load|ERR_|blocked by CORS/;

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
    assert.match(await alert.textContent(), new RegExp(`^${kind}.jpg`), "the file is named");
    const ways = { malformed: "Reload the page", setting: "Reset", internal: "Try again", "timed-out": "Try again", unavailable: "Try again" };
    assert.equal(await alert.getByRole("button").first().textContent(), ways[kind] ?? "Choose another photo", kind);
    mock.behave.refuse = null;
    await alert.getByRole("button", { name: "Remove this photo" }).click();
    await page.locator("#welcome").waitFor();
  }
  assert.equal(said.size, 9, "nine kinds, nine pieces of advice");
  await page.finish();
});

test("a text file and a damaged photo, in the user's language; another try works", async () => {
  const page = await newPage({ allowed: refused, locale: "zh-CN" });
  await drop(page, [textFile()]);
  await page.getByText("这不是 kaiga 能读的图片").waitFor();
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
  await page.getByRole("button", { name: "Paint", exact: true }).click();
  await page.getByRole("button", { name: "Cancel" }).waitFor();
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

test("a connection that breaks while painting: it goes on by itself within three seconds", async () => {
  const page = await newPage({ allowed: refused });
  Object.assign(mock.behave, { stepMs: 100, steps: 20 });
  await choose(page, [fileOf(street)]);
  await page.locator("#progress .stagewords", { hasText: "Painting" }).waitFor();
  await page.context().setOffline(true);
  await page.getByText("You are offline.").waitFor({ timeout: 1000 });
  await page.locator("#progress .stagewords", { hasText: "Waiting for the connection" }).waitFor();
  // Painted while nobody hears of it.
  await until(() => [...mock.jobs.values()].every(({ job }) => job.state === "done"), "the painting is done");
  await page.context().setOffline(false);
  await page.waitForFunction(() => document.querySelector("#viewer .frame").dataset.fresh === "true", null, { timeout: 3000 });
  Object.assign(mock.behave, { stepMs: 5, steps: 2 });
  await page.context().setOffline(true);
  await choose(page, [fileOf(street, "second.jpg")]);
  await page.getByText("Waiting for the connection").first().waitFor();
  await page.context().setOffline(false);
  await page.waitForFunction(() => document.querySelector("#viewer .frame").dataset.fresh === "true", null, { timeout: 3000 });
  assert.equal(mock.seen.filter(({ method, path }) => method === "POST" && path === "/api/v1/jobs").length, 2, "each was asked for once");
  await page.finish();
});

test("a server that goes away and comes back is said to be gone within a second", async () => {
  const page = await newPage({ allowed: refused });
  await choose(page, [fileOf(street)]);
  await waitPainted(page);
  mock.behave.down = true;
  await page.locator(".stylecard", { hasText: "Skyglow" }).click();
  await page.getByText("The server cannot be reached. Painting goes on by itself").waitFor({ timeout: 2000 });
  mock.behave.down = false;
  await page.waitForFunction(() => document.querySelector("#viewer .frame").dataset.fresh === "true", null, { timeout: 4000 });
  await page.locator("#offline").waitFor({ state: "hidden", timeout: 3000 });
  await page.finish();
});

test("a page that is left in the middle of a job goes on with it", async () => {
  const page = await newPage({ allowed: refused });
  Object.assign(mock.behave, { stepMs: 150, steps: 20 });
  await choose(page, [fileOf(street)]);
  await page.locator("#progress .stagewords", { hasText: "Painting" }).waitFor();
  await page.reload();
  await page.locator("#progress .stagewords", { hasText: "Painting" }).waitFor();
  await waitPainted(page);
  assert.equal(mock.seen.filter(({ method, path }) => method === "POST" && path === "/api/v1/jobs").length, 1, "it is one job");
  await page.finish();
});

test("a model that was imported stands among the looks with what may be done with it, and paints", async () => {
  const licence = "Not for commercial use";
  const page = await newPage();
  mock.behave.imported = [{ name: "facepaint", tags: ["imported"], description: `Weights imported from face_paint.pt. ${licence}`, medium: "colour", credit: "", licence }];
  await page.reload();
  await choose(page, [street]);
  await waitPainted(page);
  const card = page.locator(".stylecard", { hasText: "facepaint" });
  assert.match(await card.textContent(), new RegExp(licence));
  assert.ok(await card.getByText(licence).isVisible(), "the note is seen, not only read out");
  await card.click();
  await until(() => mock.seen.some(({ method, query }) => method === "POST" && query.style === "facepaint"), "the model is asked for");
  await waitPainted(page);
  await page.screenshot({ path: new URL("../../../runs/browser/imported-model.png", import.meta.url).pathname, fullPage: true });
  await page.finish();
});

test("while one look is painted the others can be chosen", async () => {
  const page = await newPage({ allowed: refused });
  Object.assign(mock.behave, { stepMs: 150, steps: 40 });
  await choose(page, [fileOf(street)]);
  await page.locator("#progress .stagewords", { hasText: "Painting" }).waitFor();
  Object.assign(mock.behave, { stepMs: 5, steps: 2 });
  await page.locator(".stylecard", { hasText: "Skyglow" }).click();
  await waitPainted(page);
  await until(() => mock.jobs.size === 1, "what nobody waits for any more is given up");
  await page.finish();
});

test("files that are no photos are told apart, by name, before they are sent", async () => {
  const page = await newPage();
  const heic = Buffer.concat([Buffer.from("00000018", "hex"), Buffer.from("ftypheic"), Buffer.alloc(64)]);
  for (const [name, buffer, title] of [["notes.pdf", Buffer.from("%PDF-1.7 and so on"), "This is a PDF, not a photo"], ["nothing.jpg", Buffer.alloc(0), "This file is empty"],
    ["IMG_1.HEIC", heic, "This browser cannot open HEIC"]]) {
    await choose(page, [{ name, mimeType: "application/octet-stream", buffer }]);
    const alert = page.locator(".trouble [role=alert]");
    await alert.getByText(title).waitFor();
    await alert.getByText(name).waitFor();
    assert.equal(await alert.getByRole("button", { name: "Try again" }).count(), 0);
    await alert.getByRole("button", { name: "Remove this photo" }).click();
  }
  assert.ok(!mock.seen.some(({ method }) => method === "POST"), "nothing was sent");
  await page.finish();
});

test("HEIC is turned into JPEG where the browser opens it", async () => {
  const page = await newPage({ path: null });
  await page.addInitScript(() => {
    const plain = createImageBitmap;
    window.createImageBitmap = (blob, ...rest) => (blob.name?.endsWith(".HEIC") ? plain(new ImageData(320, 240)) : plain(blob, ...rest));
  });
  await page.goto(page.home);
  const heic = Buffer.concat([Buffer.from("00000018", "hex"), Buffer.from("ftypheic"), Buffer.alloc(64)]);
  await choose(page, [{ name: "IMG_2.HEIC", mimeType: "image/heic", buffer: heic }]);
  await page.getByText("HEIC was turned into JPEG").waitFor();
  await page.waitForFunction(() => document.querySelector("#viewer .frame").dataset.fresh === "true");
  assert.deepEqual([...mock.jobs.values()].map(({ job, type }) => [job.width, type]), [[320, "image/jpeg"]]);
  await page.finish();
});

test("a photo above the server's limits is made smaller here; its size can be kept where the server allows it", async () => {
  const page = await newPage({ path: null, allowed: refused });
  mock.behave.maxUploadBytes = 150_000;
  await page.goto(page.home);
  await page.waitForFunction(() => document.querySelector("#privacy").textContent.includes("minutes"));
  await choose(page, [fileOf(street)]);
  await page.getByText(/It was made smaller here, in your browser: \d+ × \d+/).waitFor();
  await page.waitForFunction(() => document.querySelector("#viewer .frame").dataset.fresh === "true");
  const widths = () => [...mock.jobs.values()].map(({ job, bytes }) => [job.width, bytes.length <= 150_000]);
  assert.ok(widths()[0][0] < 1024 && widths()[0][1], widths().join());
  await page.reload();
  await page.getByText(/It was made smaller here, in your browser: \d+ × \d+/).waitFor();
  await page.waitForFunction(() => document.querySelector("#viewer .frame").dataset.fresh === "true");
  assert.equal(widths().length, 1, "what is remembered was prepared and painted");
  await page.getByRole("button", { name: "Keep the original size" }).click();
  await page.getByText("at its original size of 1024 × 768").waitFor();
  await until(() => widths().some(([width, fits]) => width === 1024 && fits), "the whole size is sent");
  mock.behave.maxPixels = 100_000;
  await page.reload();
  await choose(page, [fileOf(street, "again.jpg")]);
  await page.getByText(/made smaller here.*: 36\d × 27\d/).waitFor();
  assert.equal(await page.getByRole("button", { name: "Keep the original size" }).count(), 0, "the server does not allow it");
  await page.finish();
});

test("a picture's address is fetched by the browser, or the page says how else", async () => {
  const page = await newPage({ allowed: refused });
  const { createServer } = await import("node:http");
  const other = createServer((request, response) => {
    const headers = request.url.includes("open") ? { "Access-Control-Allow-Origin": "*" } : {};
    response.writeHead(200, { "Content-Type": "image/jpeg", ...headers }).end(fileOf(street).buffer);
  });
  await new Promise((resolve) => other.listen(0, "127.0.0.1", resolve));
  const paste = (path) => page.evaluate((address) => {
    const transfer = new DataTransfer();
    transfer.setData("text/plain", address);
    document.body.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer, bubbles: true }));
  }, `http://127.0.0.1:${other.address().port}/${path}`);
  await paste("closed.jpg");
  await page.getByText("That site does not hand out its picture").waitFor();
  await page.getByText("drop it here").waitFor();
  await paste("open/蓝天.jpg");
  await waitPainted(page);
  assert.equal(await page.locator(".cell .frame").getAttribute("title"), "蓝天.jpg");
  other.close();
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
