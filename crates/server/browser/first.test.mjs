// The first twenty seconds: how much there is to load, where the picture and what saves it are on every screen, avatars.

import assert from "node:assert/strict";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { check } from "./axe.mjs";
import { inspect } from "./picture.mjs";
import { choose, close, downloadBy, drawnFace, drawnPerson, fileOf, newPage, open, paintingSize, paintingUrl, shots, street, tidy, until, waitPainted } from "./harness.mjs";

before(open);
after(close);
afterEach(tidy);

const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

/** Loads the page as over a slow connection: {requests, bytes, hero, paintMs}. */
export async function firstLoad(page) {
  const session = await page.context().newCDPSession(page);
  await session.send("Network.enable");
  await session.send("Network.emulateNetworkConditions", { offline: false, latency: 150, downloadThroughput: 1.6e6 / 8, uploadThroughput: 0.75e6 / 8 });
  const addresses = new Map(), found = [];
  session.on("Network.responseReceived", ({ requestId, response }) => addresses.set(requestId, response.url));
  session.on("Network.loadingFinished", ({ requestId, encodedDataLength }) => found.push({ path: new URL(addresses.get(requestId) ?? page.home).pathname, bytes: encodedDataLength }));
  await page.goto(page.home);
  await page.locator(".stylecard").first().waitFor({ state: "attached" });
  await page.waitForLoadState("networkidle");
  const hero = found.filter(({ path }) => path.includes("/samples/")), rest = found.filter((each) => !hero.includes(each));
  const sum = (list) => list.reduce((total, { bytes }) => total + bytes, 0);
  const paintMs = await page.evaluate(() => performance.getEntriesByName("first-contentful-paint")[0].startTime);
  return { requests: rest.length, bytes: sum(rest), hero: sum(hero), heroRequests: hero.length, paintMs: Math.round(paintMs), found };
}

test("the first load is light", { skip: process.env.KAIGA_WEB_DIR ? "files as they lie there are not bundled" : false }, async () => {
  for (const options of [phone, { viewport: { width: 1440, height: 900 } }]) {
    const page = await newPage({ path: null, ...options });
    const load = await firstLoad(page);
    console.log(options.viewport.width, JSON.stringify({ ...load, found: undefined }));
    assert.ok(load.requests <= 12 && load.bytes < 120_000, JSON.stringify(load));
    if (options.isMobile) assert.ok(load.hero < 60_000 && load.heroRequests === 6, JSON.stringify(load));
    await page.finish();
  }
});

test("a link to the page shows a card", async () => {
  const page = await newPage();
  const image = await page.locator("meta[property='og:image']").getAttribute("content");
  const { type, width, height } = inspect(await (await page.request.get(new URL(image, page.home).href)).body());
  assert.deepEqual([type, width, height], ["image/jpeg", 1200, 630]);
  await page.finish();
});

const overlaps = (a, b) => a.x < b.x + b.width && b.x < a.x + a.width && a.y < b.y + b.height && b.y < a.y + a.height;

test("what saves and shares is on the screen at once, and nothing lies over anything else", async () => {
  const screens = [[390, 667, true], [390, 844, true], [844, 390, true, "dark"], [1440, 900, false], [1920, 1080, false, "dark"]];
  for (const [width, height, isMobile, colorScheme] of screens) {
    const page = await newPage({ path: null, viewport: { width, height }, bypassCSP: true, colorScheme, ...(isMobile && { isMobile, hasTouch: true, deviceScaleFactor: 2 }) });
    await page.addInitScript(() => { navigator.canShare = () => true; navigator.share = async () => {}; });
    await page.goto(page.home);
    for (const file of [fileOf(street), fileOf(drawnFace)]) {
      await choose(page, [file]);
      await waitPainted(page);
      for (const down of [0, 700, 1e5]) {
        await page.evaluate((top) => scrollTo({ top, behavior: "instant" }), down);
        // Above one column the picture stays beside the settings; on a phone what saves stays.
        const save = await page.getByRole("button", { name: "Save", exact: true }).boundingBox(), share = await page.getByRole("button", { name: "Share" }).boundingBox();
        const last = down === 1e5;
        const onTop = await page.getByRole("button", { name: "Share" }).evaluate((button) => {
          const box = button.getBoundingClientRect();
          return button.contains(document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2));
        });
        assert.ok(onTop || (last && !isMobile), `${width} × ${height}: something lies over Share`);
        for (const box of [save, share]) assert.ok(last && !isMobile || (box.y >= 0 && box.y + box.height <= height + 1), `${width} × ${height}, ${file.name}, ${down} px down: ${JSON.stringify(box)}`);
      }
      await page.evaluate(() => scrollTo({ top: 0, behavior: "instant" }));
      const parts = await page.evaluate(() => ["#viewer .grip", "#viewer .corner.left", "#viewer .corner.right", "#viewer .fullbutton"].map((selector) => document.querySelector(selector).getBoundingClientRect().toJSON()));
      for (const [index, one] of parts.entries()) for (const other of parts.slice(index + 1)) assert.ok(!overlaps(one, other), `${width} × ${height}, ${file.name}: handles and labels collide: ${JSON.stringify([one, other])}`);
    }
    await check(page, `screen-${width}x${height}`);
    // Whatever is reached with the keys lies on top where it is.
    const covered = await page.evaluate(() => [...document.querySelectorAll("#panel button, #panel select, #panel input")].filter((element) => element.checkVisibility() && !element.disabled).filter((element) => {
      element.focus();
      element.scrollIntoView({ block: "nearest", inline: "nearest" });
      const box = element.getBoundingClientRect();
      const hit = document.elementFromPoint(box.x + box.width / 2, box.y + box.height / 2);
      return !(hit && (element.contains(hit) || hit.contains(element)));
    }).map((element) => element.id || element.value || element.textContent));
    assert.deepEqual(covered, [], `${width} × ${height}: covered`);
    await page.finish();
  }
});

test("on a phone held sideways the square and its button are on the screen together", async () => {
  const page = await newPage({ bypassCSP: true, viewport: { width: 844, height: 390 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true });
  await choose(page, [fileOf(street)]);
  await waitPainted(page);
  await page.getByRole("button", { name: "Crop to a square" }).tap();
  for (const part of [page.locator(".cropstage"), page.locator(".corner-handle").last(), page.getByRole("button", { name: "Use this square" })]) {
    const { y, height } = await part.boundingBox();
    assert.ok(y >= 0 && y + height <= 390, `${y} to ${y + height} of 390`);
  }
  await check(page, "crop-sideways");
  await page.finish();
});

test("the picture fills the screen and comes back", async () => {
  const page = await newPage();
  await choose(page, [fileOf(street)]);
  await waitPainted(page);
  await page.getByRole("button", { name: "Full screen", exact: true }).click();
  await until(async () => (await page.locator("#viewer .split").boundingBox()).width > 1100, "it is as large as the screen lets it");
  await page.screenshot({ path: join(shots, "full-screen.png") });
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Full screen", exact: true }).waitFor();
  await page.finish();
});

// The one thing that is not the server's own word: it finds faces of people, and no picture of a person lies here.
const withFaces = (page, bounds) => page.route("**/api/v1/faces", async (route) => {
  const answer = await (await route.fetch()).json();
  const { width, height } = answer;
  answer.faces = bounds.map(([x, y, w, h]) => ({ bounds: [x * width, y * height, w * width, h * height], landmarks: [], score: 0.99 }));
  answer.crop = { x: Math.round(0.1 * width), y: Math.round(0.05 * height), side: Math.round(0.8 * Math.min(width, height)) };
  await route.fulfill({ json: answer });
});

test("a selfie of 300 px becomes a saved avatar in at most four taps", async () => {
  const page = await newPage({ ...phone, bypassCSP: true });
  await withFaces(page, [[0.3, 0.15, 0.4, 0.2]]);
  const small = await page.evaluate(async (data) => {
    const bitmap = await createImageBitmap(await (await fetch(`data:image/jpeg;base64,${data}`)).blob());
    const canvas = new OffscreenCanvas(300, Math.round(300 * bitmap.height / bitmap.width));
    canvas.getContext("2d").drawImage(bitmap, 0, 0, canvas.width, canvas.height);
    const bytes = new Uint8Array(await (await canvas.convertToBlob({ type: "image/jpeg" })).arrayBuffer());
    return btoa(String.fromCharCode(...bytes));
  }, fileOf(drawnFace).buffer.toString("base64"));
  let taps = 0;
  const tap = (name) => { taps++; return page.getByRole("button", { name, exact: true }).tap(); };
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), tap("Make an avatar")]);
  taps++; // the picture in the system's own chooser
  await chooser.setFiles([{ name: "selfie.jpg", mimeType: "image/jpeg", buffer: Buffer.from(small, "base64") }]);
  await waitPainted(page);
  assert.deepEqual(await paintingSize(page), [512, 512], "larger than the selfie, and crisp");
  assert.equal(await page.getByText("A face! Make it an avatar?").isVisible(), false, "it is one");
  await check(page, "avatar-phone", { fullPage: true });
  const { name, bytes } = await downloadBy(page, () => tap("Save"));
  assert.ok(taps <= 4, `${taps} taps`);
  assert.equal(name, "selfie.kaiga.png");
  const corners = async (data) => page.evaluate(async (base64) => {
    const bitmap = await createImageBitmap(await (await fetch(`data:image/png;base64,${base64}`)).blob());
    const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
    context.drawImage(bitmap, 0, 0);
    return [bitmap.width, context.getImageData(2, 2, 1, 1).data[3], context.getImageData(bitmap.width / 2, bitmap.width / 2, 1, 1).data[3]];
  }, data.toString("base64"));
  assert.deepEqual(await corners(bytes), [512, 0, 255], "round, the corners are clear");
  await page.locator("label.shape", { hasText: "Square" }).tap();
  await page.locator("#avatar-size").selectOption("1024");
  await waitPainted(page);
  assert.deepEqual(await corners((await downloadBy(page, () => tap("Save"))).bytes), [1024, 255, 255]);
  await page.finish();
});

test("an avatar's background: as painted, out of focus, transparent, a colour", async () => {
  const page = await newPage({ ...phone, bypassCSP: true });
  const [chooser] = await Promise.all([page.waitForEvent("filechooser"), page.getByRole("button", { name: "Make an avatar", exact: true }).tap()]);
  await chooser.setFiles([fileOf(drawnPerson, "me.png", "image/png")]);
  await waitPainted(page);
  const pick = async (name) => {
    const before = await paintingUrl(page);
    await page.locator("label.shape", { hasText: name }).tap();
    await page.waitForFunction((old) => document.querySelector("#viewer .painting img").src !== old, before);
    await waitPainted(page);
  };
  // Of the painting in the viewer: a corner, and the middle, where the person is.
  const colours = () => page.locator("#viewer .painting img").evaluate((image) => {
    const { naturalWidth: width, naturalHeight: height } = image;
    const context = Object.assign(document.createElement("canvas"), { width, height }).getContext("2d");
    context.drawImage(image, 0, 0);
    return [[3, 3], [width / 2, height / 2]].map(([x, y]) => [...context.getImageData(x, y, 1, 1).data]);
  });
  const [wall, person] = await colours();
  await pick("One colour");
  assert.deepEqual(await colours(), [[255, 217, 230, 255], person]);
  await check(page, "avatar-background", { fullPage: true });
  await page.locator("#avatar-colour").fill("#204060");
  await page.waitForFunction(() => document.querySelector("#viewer .frame").dataset.fresh === "false");
  await waitPainted(page);
  assert.deepEqual(await colours(), [[0x20, 0x40, 0x60, 255], person]);
  await pick("Transparent");
  const [corner, middle] = await colours();
  assert.deepEqual([corner[3], middle], [0, person]);
  const shown = await page.locator("#viewer .frame").screenshot({ path: join(shots, "avatar-transparent.png") });
  assert.ok(shown.length > 0);
  await pick("Blurred");
  assert.ok((await colours())[0][3] === 255);
  const asked = page.asked.filter(({ path }) => path === "/api/v1/avatar").map(({ query }) => query.background);
  assert.deepEqual(asked, ["keep", "#ffd9e6", "#204060", "none", "soft"]);
  await page.locator("label.shape", { hasText: "As painted" }).tap();
  await waitPainted(page);
  assert.deepEqual((await colours())[0], wall);
  assert.equal(page.asked.filter(({ path }) => path === "/api/v1/avatar").length, 5, "what was painted is shown at once");
  await page.reload();
  await waitPainted(page);
  assert.ok(await page.locator("input[name=background][value=keep]").isChecked(), "it is remembered");
  await page.finish();

  // Nobody in the picture: nothing is offered, and who asks all the same is told.
  const empty = await newPage();
  await withFaces(empty, [[0.3, 0.2, 0.2, 0.3]]);
  await choose(empty, [fileOf(street)]);
  await waitPainted(empty);
  await empty.locator(".stagebar").getByRole("button", { name: "Make an avatar" }).click();
  await waitPainted(empty);
  await empty.locator("label.shape", { hasText: "Transparent" }).click();
  await empty.getByText("nobody was found in front of the background").waitFor();
  await empty.finish();
});

test("several faces: one is chosen; what is cropped already is not offered to be cropped", async () => {
  const page = await newPage();
  await withFaces(page, [[0.1, 0.1, 0.3, 0.3], [0.6, 0.2, 0.2, 0.2]]);
  await choose(page, [fileOf(street)]);
  await page.getByText("2 faces found. Make one an avatar?").waitFor();
  await waitPainted(page);
  const at = 100 - Number(await page.locator("#viewer .splitrange").evaluate((range) => 100 - range.value));
  assert.ok(at > 43 && at < 57, `the divider stands on no face: ${at}`);
  await page.locator(".stagebar").getByRole("button", { name: "Make an avatar" }).click();
  await page.getByRole("button", { name: "Face 2" }).click();
  await waitPainted(page);
  const { query } = page.asked.findLast(({ path }) => path === "/api/v1/avatar");
  const [x, , side] = query.crop.split(",").map(Number);
  assert.ok(x > 0.3 * 1024 && x < 0.6 * 1024 && x + side > 0.8 * 1024, `${query.crop} holds the second face and not the first`);
  await page.finish();

  const other = await newPage();
  await withFaces(other, [[0.2, 0.2, 0.5, 0.5]]);
  await choose(other, [fileOf(new URL("../web/icon-512.png", import.meta.url).pathname, "me.png", "image/png")]);
  await waitPainted(other);
  await other.waitForTimeout(500);
  assert.equal(await other.getByText("A face! Make it an avatar?").isVisible(), false);
  await other.finish();
});

test("the side-by-side sheet prints on paper as a grid", async () => {
  const page = await newPage();
  await choose(page, [fileOf(street)]);
  await waitPainted(page);
  await page.getByRole("button", { name: "Side by side" }).click();
  await page.waitForFunction(() => document.querySelectorAll(".comparecell").length > 1 && !document.querySelector(".comparecell.pending"));
  await page.emulateMedia({ media: "print" });
  assert.ok(await page.locator(".dialog .primary").isHidden() && await page.locator("header").isHidden(), "no buttons on paper");
  assert.equal(await page.locator(".comparegrid").evaluate((grid) => getComputedStyle(grid).gridTemplateColumns.split(" ").length), 2);
  const pdf = await page.pdf({ path: join(shots, "sheet.pdf"), format: "A4", printBackground: false });
  assert.ok(pdf.toString("latin1").match(/\/Type\s*\/Page\b/g).length <= 2, "one sheet, both sides");
  await page.finish();
});
