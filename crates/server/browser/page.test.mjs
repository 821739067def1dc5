// The page as people use it, against a real server.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { inspect } from "./picture.mjs";
import { brokenFile, choose, close, colourDifferences, downloadBy, drawnFace, drop, fileOf, isGone, newPage, open, paintingSize, paintingUrl, street, textFile, tidy, tiffFile, turnedFile, until,
  waitPainted, waitThumbnails } from "./harness.mjs";

before(open);
after(close);
afterEach(tidy);

const SPLIT = "#viewer .splitrange";
const at = (page) => page.locator("#viewer .split").evaluate((element) => element.style.getPropertyValue("--at"));

test("a dropped photo is painted, with its progress shown", async () => {
  const page = await newPage();
  await page.evaluate(() => {
    window.stages = new Set();
    new MutationObserver(() => {
      const box = document.querySelector("#progress");
      if (!box.hidden) window.stages.add(box.querySelector(".stagewords").textContent);
    }).observe(document.querySelector("#progress"), { subtree: true, childList: true, attributes: true, characterData: true });
  });
  assert.ok(await drop(page, [fileOf(street)]), "the page says that the photo may be let go");
  await waitPainted(page);
  assert.ok(await page.locator("#drop").isHidden());
  assert.ok(await page.locator("#welcome").isHidden());
  assert.deepEqual(await paintingSize(page), [1024, 768], "the painting has the photo's size");
  const stages = await page.evaluate(() => [...window.stages]);
  assert.ok(stages.includes("Opening the photo") && stages.length >= 2, stages.join());
  assert.equal(await page.locator("#spoken").textContent(), "The painting is ready");
  const differs = await page.evaluate(async () => {
    const pixels = async (image) => {
      const canvas = new OffscreenCanvas(64, 48), context = canvas.getContext("2d");
      context.drawImage(image, 0, 0, 64, 48);
      return context.getImageData(0, 0, 64, 48).data;
    };
    const [a, b] = await Promise.all([...document.querySelectorAll("#viewer .layer img")].map(pixels));
    return a.reduce((sum, value, index) => sum + Math.abs(value - b[index]), 0) / a.length;
  });
  assert.ok(differs > 2, `photo and painting differ by ${differs} of 255`);
  await page.finish();
});

test("three looks stand side by side, each with its divider", async () => {
  for (const viewport of [{ width: 1280, height: 860 }, { width: 390, height: 844 }, { width: 320, height: 640 }]) {
    const page = await newPage({ viewport });
    const panels = page.locator("#showcase .panelled");
    assert.equal(await panels.count(), 3);
    const boxes = await panels.evaluateAll((all) => all.map((panel) => panel.getBoundingClientRect().toJSON()));
    assert.ok(boxes.every(({ y, width, right }) => y === boxes[0].y && width > 70 && right <= viewport.width), JSON.stringify(boxes));
    const names = await panels.locator("input").evaluateAll((all) => all.map((input) => input.getAttribute("aria-label")));
    assert.equal(new Set(names).size, 3, names.join());
    await panels.nth(1).locator("input").focus();
    await page.keyboard.press("End");
    assert.equal(await panels.nth(1).locator(".split").evaluate((element) => element.style.getPropertyValue("--at")), "100%");
    await page.finish();
  }
});

test("the divider moves by keys and by mouse; the picture zooms and pans", async () => {
  const page = await newPage();
  await choose(page, [fileOf(street)]);
  await waitPainted(page);
  await page.locator(SPLIT).focus();
  for (let press = 0; press < 5; press++) await page.keyboard.press("ArrowRight");
  assert.equal(await at(page), "55%");
  assert.equal(await page.locator(SPLIT).getAttribute("aria-valuetext"), "45 percent painting");
  await page.keyboard.press("Home");
  assert.equal(await at(page), "0%");
  await page.keyboard.press("End");
  assert.equal(await at(page), "100%");
  const box = await page.locator("#viewer .split").boundingBox();
  await page.mouse.move(box.x + box.width - 2, box.y + 80);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.25, box.y + 80, { steps: 4 });
  await page.mouse.up();
  assert.equal(await at(page), "25%");

  const transform = () => page.locator("#viewer .painting img").evaluate((image) => new DOMMatrix(getComputedStyle(image).transform).toJSON());
  await page.locator("#viewer .frame").first().focus();
  await page.keyboard.press("+");
  await page.keyboard.press("+");
  const zoomed = await transform();
  assert.ok(Math.abs(zoomed.a - 1.5625) < 0.01, `scale ${zoomed.a}`);
  await page.keyboard.press("ArrowRight");
  assert.ok((await transform()).e < zoomed.e, "the arrow looks further right");
  await page.mouse.move(box.x + box.width * 0.7, box.y + 200);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.7 + 30, box.y + 210, { steps: 3 });
  await page.mouse.up();
  assert.equal(await at(page), "25%", "away from the divider the picture moves, not the divider");
  await page.keyboard.press("0");
  assert.equal((await transform()).a, 1);
  await page.finish();
});

test("another style is another painting; the cards show the user's own picture", async () => {
  const page = await newPage();
  await choose(page, [fileOf(street)]);
  await waitPainted(page);
  await waitThumbnails(page);
  const thumbs = await page.locator(".stylecard img").evaluateAll((images) => images.map((image) => [image.src, image.naturalWidth]));
  assert.equal(new Set(thumbs.map(([src]) => src)).size, thumbs.length, "a thumbnail for each style");
  for (const [src, width] of thumbs) assert.ok(src.startsWith("blob:") && width > 0);
  const differences = await colourDifferences(page, ".stylecard img");
  console.log("thumbnails:", differences.map(([one, other, value]) => `${one} ${other} ${value.toFixed(1)}`).join(", "));
  assert.equal(differences.length, thumbs.length * (thumbs.length - 1) / 2);
  for (const [one, other, value] of differences) assert.ok(value > 5, `${one} and ${other} look alike: ${value}`);
  const first = await paintingUrl(page);
  await page.locator(".stylecard", { hasText: "Skyglow" }).click();
  await page.waitForFunction((old) => document.querySelector("#viewer .painting img").src !== old, first);
  await waitPainted(page);
  const second = await paintingUrl(page);
  assert.notEqual(second, first);
  await page.keyboard.press("ArrowRight");
  assert.ok(await page.locator("input[value=storybook]").isChecked(), "arrow keys go through the styles");
  await page.waitForFunction((old) => document.querySelector("#viewer .painting img").src !== old, second);
  await waitPainted(page);
  const painted = page.asked.filter(({ method, path }) => method === "POST" && path === "/api/v1/jobs").map(({ query }) => query.style);
  assert.deepEqual(painted, ["meadow", "skyglow", "storybook"]);
  for (const each of page.jobs) assert.ok(!(await isGone(page, each)), "paintings in other looks are kept as well");
  await page.locator(".stylecard", { hasText: "Meadow" }).click();
  await page.waitForFunction((old) => document.querySelector("#viewer .painting img").src === old, first);
  assert.equal(page.jobs.length, 3, "going back to a look shows it at once");
  await page.finish();
});

test("a photo that ends early is painted, and the page says so", async () => {
  const page = await newPage();
  const whole = readFileSync(street);
  await choose(page, [{ name: "cut.jpg", mimeType: "image/jpeg", buffer: whole.subarray(0, Math.floor(whole.length * 0.7)) }]);
  await page.getByText("cut.jpg ends early").waitFor();
  await waitPainted(page);
  await page.finish();
});

test("a slider shows a preview and is painted once it rests; undo and redo have every step at once", async () => {
  const page = await newPage();
  await choose(page, [fileOf(street)]);
  await waitPainted(page);
  const plain = await paintingUrl(page);
  const jobs = () => page.asked.filter(({ method, path }) => method === "POST" && path === "/api/v1/jobs");
  await page.locator("#slider-saturation").focus();
  const previewed = page.waitForResponse((answer) => answer.url().includes("/convert") && new URL(answer.url()).searchParams.get("saturation") === "1.2");
  for (let press = 0; press < 4; press++) await page.keyboard.press("ArrowRight");
  assert.ok((await previewed).ok());
  await until(() => jobs().at(-1).query.saturation === "1.2", "it is painted by itself");
  await waitPainted(page);
  assert.equal(await page.locator("#panel .primary").count(), 0, "there is no second way to paint");
  const vivid = await paintingUrl(page);
  await page.getByRole("button", { name: "Undo" }).click();
  await page.waitForFunction((url) => document.querySelector("#viewer .painting img").getAttribute("src") === url, plain);
  await page.keyboard.press("Control+Shift+z");
  await page.waitForFunction((url) => document.querySelector("#viewer .painting img").getAttribute("src") === url, vivid);
  assert.equal(jobs().length, 2, "what is painted is not painted again");

  await page.locator(".stylecard", { hasText: "Skyglow" }).click();
  await page.locator("#blend").selectOption("storybook");
  await page.locator("#slider-detail").focus();
  await page.keyboard.press("ArrowRight");
  await until(() => jobs().at(-1).query.style === "skyglow:0.50,storybook:0.50" && jobs().at(-1).query.detail === "0.05", "two looks are mixed, detail is asked for");
  await waitPainted(page);
  await page.locator(".stylecard", { hasText: "Manga" }).click();
  await page.locator("#blend:disabled").waitFor();
  await page.getByRole("button", { name: "Reset" }).click();
  await page.waitForFunction((url) => document.querySelector("#viewer .painting img").getAttribute("src") === url, plain);
  assert.deepEqual([await page.locator("#slider-saturation").inputValue(), await page.locator("#slider-detail").inputValue(), await page.locator("#blend").inputValue()], ["1", "0", ""]);
  assert.ok(await page.locator("input[value=meadow]").isChecked(), "everything is reset");
  await page.locator("#faces").uncheck();
  await page.locator("#slider-eyes:disabled").waitFor();
  await page.finish();
});

test("a look is kept under a name and goes as a link", async () => {
  const page = await newPage({ permissions: ["clipboard-read", "clipboard-write"] });
  await choose(page, [fileOf(street)]);
  await waitPainted(page);
  await page.locator("#slider-strength").fill("0.6");
  await page.locator("#blend").selectOption("skyglow");
  await page.getByRole("button", { name: "Save this look" }).click();
  await page.getByLabel("Name").fill("Half awake");
  await page.getByRole("button", { name: "Save look" }).click();
  await page.getByRole("button", { name: "Copy link" }).click();
  await page.getByText("Link copied").waitFor();
  const link = await page.evaluate(() => navigator.clipboard.readText());
  assert.equal(link, `${page.home}/#look?style=meadow&blend=skyglow&share=0.5&strength=0.6`.replace("&share=0.5", ""));
  await page.getByRole("button", { name: "Reset" }).click();
  await page.reload();
  await page.getByRole("button", { name: "Half awake", exact: true }).click();
  assert.deepEqual([await page.locator("#slider-strength").inputValue(), await page.locator("#blend").inputValue()], ["0.6", "skyglow"]);
  await page.getByRole("button", { name: "Remove the look Half awake" }).click();
  assert.equal(await page.locator(".preset").count(), 0);
  await page.finish();

  const other = await newPage({ path: null });
  await other.goto(`${other.home}/#look?style=cel&strength=7&saturation=0.5&draw=x&nonsense=1`);
  await other.getByText("This link set the look").waitFor();
  await choose(other, [fileOf(street)]);
  await waitPainted(other);
  const { query } = other.asked.findLast(({ path }) => path === "/api/v1/jobs");
  assert.deepEqual([query.style, query.strength, query.saturation, query.draw], ["cel", "1.5", "0.5", "1"], "what is out of range is brought into it");
  await other.finish();
});

test("nothing is lost: reload, the logo, back, a closed tab; deleting asks once and can be undone", async () => {
  const page = await newPage();
  await choose(page, [fileOf(street, "one.jpg")]);
  await waitPainted(page);
  await page.locator(".stylecard", { hasText: "Cel" }).click();
  await waitPainted(page);
  const painted = page.jobs.length;
  await page.reload();
  await waitPainted(page);
  assert.ok(await page.locator("input[value=cel]").isChecked(), "the look is as it was");
  assert.equal(await page.locator("#history .painting").count(), 2);
  await page.getByRole("link", { name: "kaiga" }).click();
  await page.getByRole("heading", { name: "Your photo, painted" }).waitFor();
  assert.equal(new URL(page.url()).hash, "");
  await page.goBack();
  await waitPainted(page);
  const context = page.context();
  const next = await context.newPage();
  await page.close();
  await next.goto(page.home);
  await next.locator("#welcome-history .painting").last().click();
  await next.waitForFunction(() => document.querySelector("#viewer .frame").dataset.fresh === "true");
  assert.ok(await next.locator("input[value=meadow]").isChecked(), "an earlier painting comes with its look");
  assert.equal(page.jobs.length, painted, "nothing was painted twice");
  await next.getByRole("button", { name: "Delete now" }).click();
  await next.getByText("Photos: 1, paintings: 2.").waitFor();
  await next.getByRole("button", { name: "Delete", exact: true }).click();
  await next.locator("#welcome").waitFor();
  for (const id of page.jobs) await until(() => isGone(page, id), "the server deletes at once");
  await next.locator("#toast").getByRole("button", { name: "Undo" }).click();
  await next.waitForFunction(() => document.querySelector("#viewer .frame").dataset.fresh === "true");
  await next.reload();
  await next.waitForFunction(() => document.querySelector("#viewer .frame")?.dataset.fresh === "true");
  await page.finish();
});

test("several photos: the strip says which look each is painted in", async () => {
  const page = await newPage();
  await choose(page, [fileOf(street, "one.jpg"), fileOf(street, "two.jpg")]);
  await page.getByText("2 of 2 painted in Meadow").waitFor();
  await page.locator(".stylecard", { hasText: "Cel" }).click();
  await page.getByText("1 of 2 painted in Cel").waitFor();
  assert.deepEqual(await page.locator(".celllook").allTextContents(), ["Cel", "Meadow"]);
  await page.getByRole("button", { name: "Use this look for all (1)" }).click();
  await page.getByText("2 of 2 painted in Cel").waitFor();
  await page.getByRole("button", { name: "Remove one.jpg" }).click();
  await page.getByText("2 of 2 painted in Cel").waitFor({ state: "hidden" });
  await page.locator("#toast").getByRole("button", { name: "Undo" }).click();
  await page.getByText("2 of 2 painted in Cel").waitFor();
  assert.deepEqual(await page.locator(".cell .frame").evaluateAll((frames) => frames.map(({ title }) => title)), ["one.jpg", "two.jpg"], "what is had back stands where it stood");
  await page.finish();
});

test("a photo from the camera", async () => {
  const page = await newPage({ permissions: ["camera"] });
  await page.getByRole("button", { name: "Camera" }).first().click();
  await page.getByRole("button", { name: "Take the photo" }).click();
  await waitPainted(page);
  const [width, height] = await paintingSize(page);
  assert.ok(width >= 320 && height >= 240, `${width} × ${height}`);
  const looking = () => [...document.querySelectorAll("video")].some((video) => video.srcObject?.active);
  assert.ok(!(await page.evaluate(looking)), "the camera is let go");
  await page.finish();
});

test("the suggested crop is adjusted by keys, mouse and touch", async () => {
  const page = await newPage({ hasTouch: true });
  // The one thing that is not the server's own word: it finds faces of people, and no picture of a person lies here.
  await page.route("**/api/v1/faces", async (route) => {
    const answer = await (await route.fetch()).json();
    const { width, height } = answer;
    answer.faces = [{ bounds: [0.3 * width, 0.15 * height, 0.4 * width, 0.2 * height], landmarks: [], score: 0.99 }];
    await route.fulfill({ json: answer });
  });
  await choose(page, [fileOf(drawnFace)]);
  await waitPainted(page);
  await page.getByText("A face! Make it an avatar?").waitFor();
  await page.getByRole("button", { name: "Crop to a square" }).click();
  const square = page.getByRole("application", { name: "Square to keep" });
  const box = () => square.boundingBox();
  const start = await box();
  assert.ok(Math.abs(start.width - start.height) < 1.5, "it is square");
  await page.keyboard.press("-");
  await page.keyboard.press("-");
  const small = await box();
  assert.ok(small.width < start.width);
  await page.keyboard.press("Shift+ArrowDown");
  const lower = await box();
  assert.ok(lower.y > small.y && lower.width === small.width);
  assert.match(await page.locator(".dialog [role=status]").textContent(), /from top \d+ percent, side \d+ pixels/);
  await page.mouse.move(lower.x + lower.width / 2, lower.y + lower.height / 2);
  await page.mouse.down();
  await page.mouse.move(lower.x + lower.width / 2 + 6, lower.y + lower.height / 2 + 30, { steps: 3 });
  await page.mouse.up();
  const moved = await box();
  assert.ok(Math.abs(moved.y - lower.y - 30) < 3, `moved by ${moved.y - lower.y}`);
  // A finger on the lower right corner.
  const [x, y] = [moved.x + moved.width, moved.y + moved.height];
  const session = await page.context().newCDPSession(page);
  const finger = (type, ...points) => session.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(([px, py]) => ({ x: px, y: py })) });
  await finger("touchStart", [x, y]);
  for (let step = 1; step <= 4; step++) await finger("touchMove", [x - 10 * step, y - 10 * step]);
  await finger("touchEnd");
  const pulled = await box();
  assert.ok(Math.abs(moved.width - pulled.width - 40) < 4, `smaller by ${moved.width - pulled.width}`);
  assert.ok(Math.abs(pulled.x - moved.x) < 2, "the other corner stays");
  await page.getByRole("button", { name: "Use this square" }).click();
  await page.getByText(/Cropped to a square of \d+ px/).waitFor();
  await waitPainted(page);
  const stage = await page.locator("#viewer .split").boundingBox();
  assert.ok(Math.abs(stage.width - stage.height) < 2, "the stage is square");
  const [cx, cy, side] = page.asked.findLast(({ path }) => path === "/api/v1/jobs").query.crop.split(",").map(Number);
  const { width, height } = inspect(fileOf(drawnFace).buffer);
  assert.ok(side > 30 && cx >= 0 && cy >= 0 && cx + side <= width && cy + side <= height, `${cx},${cy},${side} in ${width} × ${height}`);
  assert.deepEqual(await paintingSize(page), [side, side], "what was asked for is what was painted");
  await page.getByRole("button", { name: "Whole photo" }).click();
  await waitPainted(page);
  await page.finish();
});

test("nobody found: the square is the one that the server would cut", async () => {
  const page = await newPage();
  const [answer] = await Promise.all([page.waitForResponse((response) => response.url().endsWith("/faces")), choose(page, [fileOf(drawnFace)])]);
  const { width, height, faces, crop } = await answer.json();
  assert.deepEqual([faces.length, crop.side, crop.y], [0, width, Math.floor((height - width) / 4)], "a tall photo, its upper middle");
  await waitPainted(page);
  // Nothing to be seen says that the page has taken the answer in.
  await page.waitForTimeout(200);
  await page.getByRole("button", { name: "Crop to a square" }).click();
  const top = await page.locator(".cropstage").evaluate((stage) => parseFloat(stage.style.getPropertyValue("--top")));
  assert.ok(Math.abs(top - 100 * crop.y / height) < 0.5, `${top} % from the top`);
  await page.finish();
});

test("five photos, one of them broken: four paintings, a message, a zip", async () => {
  const page = await newPage({ allowed: /status of 4\d\d/ });
  await drop(page, [fileOf(street, "one.jpg"), fileOf(street, "same.jpg"), brokenFile(), fileOf(street, "same.jpg"), fileOf(drawnFace, "樱花.jpg")]);
  await page.getByText("4 of 5 painted").waitFor();
  assert.deepEqual(await page.locator(".cell").evaluateAll((cells) => cells.map(({ dataset }) => dataset.status)), ["done", "done", "failed", "done", "done"]);
  await page.getByRole("button", { name: /Photo 3: broken.png, failed/ }).click();
  const alert = page.locator(".trouble [role=alert]");
  await alert.waitFor();
  assert.match(await alert.textContent(), /damaged|not a picture/);
  assert.ok(await alert.getByRole("button", { name: "Remove this photo" }).isVisible());
  await page.getByRole("button", { name: /Photo 1: one.jpg/ }).click();
  const { name, bytes } = await downloadBy(page, () => page.getByRole("button", { name: "Save all as zip (4)" }).click());
  assert.equal(name, "kaiga.zip");
  const path = join(mkdtempSync(join(tmpdir(), "kaiga-")), name);
  writeFileSync(path, bytes);
  const script = "import json, sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; print(json.dumps([[i.filename, i.file_size] for i in z.infolist()]))";
  const entries = JSON.parse(execFileSync("python3", ["-c", script, path]));
  assert.equal(entries.length, 4);
  assert.deepEqual(entries.map(([file]) => file), ["one.kaiga.png", "same.kaiga.png", "same.kaiga-2.png", "樱花.kaiga.png"]);
  for (const [, size] of entries) assert.ok(size > 10_000);
  await page.getByRole("button", { name: "Remove broken.png" }).click();
  await page.waitForFunction(() => document.querySelectorAll(".cell").length === 4);
  await page.finish();
});

test("saving in another format and size, sharing", async () => {
  const page = await newPage({ path: null });
  await page.addInitScript(() => {
    navigator.canShare = () => true;
    navigator.share = async ({ files }) => { window.shared = files.map(({ name, type }) => [name, type]); };
  });
  await page.goto(page.home);
  await choose(page, [fileOf(street)]);
  await waitPainted(page);
  for (const [format, type, extension] of [["PNG", "image/png", "png"], ["JPEG", "image/jpeg", "jpg"], ["WebP", "image/webp", "webp"]]) {
    await page.locator("#format").selectOption({ label: format });
    await page.locator("#size").selectOption("512");
    const { name, bytes } = await downloadBy(page, () => page.getByRole("button", { name: "Save", exact: true }).click());
    assert.equal(name, `street.kaiga.${extension}`);
    const found = inspect(bytes);
    assert.deepEqual([found.type, found.width, found.height], [type, 512, 384]);
  }
  await page.getByRole("button", { name: "Share" }).click();
  await page.waitForFunction(() => window.shared);
  assert.deepEqual(await page.evaluate(() => window.shared), [["street.kaiga.webp", "image/webp"]]);
  await page.finish();
});

test("all styles side by side, saved as one picture", async () => {
  const page = await newPage();
  await choose(page, [fileOf(street)]);
  await waitPainted(page);
  await page.getByRole("button", { name: "Side by side" }).click();
  const sheet = page.getByRole("button", { name: "Save as one picture" });
  await page.waitForFunction(() => document.querySelectorAll(".comparecell").length > 1 && !document.querySelector(".comparecell.pending"));
  const boxes = await page.locator(".comparecell .pane").evaluateAll((panes) => panes.map((pane) => pane.getBoundingClientRect().toJSON()));
  assert.equal(boxes.length, 7);
  assert.ok(boxes.every(({ width }) => Math.abs(width - boxes[0].width) < 1), "all cells are alike");
  assert.ok(Math.max(...boxes.map(({ right }) => right)) > 1280 - 60, "they fill the width");
  await page.locator(".pane").nth(2).dblclick({ position: { x: 40, y: 40 } });
  const moved = await page.locator(".pane img").evaluateAll((images) => images.map((image) => getComputedStyle(image).transform));
  assert.ok(new Set(moved).size === 1 && moved[0].startsWith("matrix(2.5"), "all are zoomed as one");
  await page.mouse.move(boxes[1].x + 80, boxes[1].y + 60);
  await page.mouse.down();
  await page.mouse.move(boxes[1].x + 60, boxes[1].y + 50, { steps: 2 });
  await page.mouse.up();
  const panned = await page.locator(".pane img").evaluateAll((images) => images.map((image) => getComputedStyle(image).transform));
  assert.ok(new Set(panned).size === 1 && panned[0] !== moved[0], "and moved");
  const { name, bytes } = await downloadBy(page, () => sheet.click());
  assert.equal(name, "street.styles.png");
  assert.equal(inspect(bytes).width, 24 + 2 * (480 + 24));
  await page.locator(".comparecell", { hasText: "Portrait" }).getByRole("button").click();
  assert.ok(await page.locator("input[value=portrait]").isChecked());
  await waitPainted(page);
  await page.finish();
});

test("pictures as cameras and scanners make them: turned by EXIF, TIFF", async () => {
  const page = await newPage();
  await choose(page, [turnedFile()]);
  await waitPainted(page);
  assert.deepEqual(await paintingSize(page), [768, 1024]);
  const stage = await page.locator("#viewer .split").boundingBox();
  assert.ok(Math.abs(stage.width / stage.height - 0.75) < 0.02, "the photo beside it stands upright, too");
  await choose(page, [tiffFile(300, 200)]);
  await waitPainted(page);
  assert.deepEqual(await paintingSize(page), [300, 200]);
  assert.ok(await page.locator("#viewer .photo img").evaluate((image) => image.naturalWidth === 300), "the server shows what the browser cannot");
  await page.finish();
});

test("a pasted picture, and one shared by another app", async () => {
  const page = await newPage();
  const base64 = fileOf(street).buffer.toString("base64");
  await page.evaluate((data) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.from(atob(data), (char) => char.charCodeAt(0))], "pasted.jpg", { type: "image/jpeg" }));
    dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer }));
  }, base64);
  await waitPainted(page);
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.waitForFunction(() => navigator.serviceWorker.controller);
  await page.evaluate(async (data) => {
    const form = new FormData();
    form.append("photos", new File([Uint8Array.from(atob(data), (char) => char.charCodeAt(0))], "分享.jpg", { type: "image/jpeg" }));
    await fetch("/share", { method: "POST", body: form });
  }, base64);
  await page.goto("about:blank");
  await page.goto(`${page.home}/#shared`);
  await waitPainted(page);
  assert.equal(await page.locator(".cell .frame").last().getAttribute("title"), "分享.jpg");
  await page.finish();
});

test("the language is the browser's and can be changed for good", async () => {
  for (const [locale, lang, words] of [["zh-CN", "zh-Hans", "选择照片"], ["ja-JP", "ja", "写真を選ぶ"], ["de-DE", "en", "Choose photos"]]) {
    const page = await newPage({ locale });
    assert.equal(await page.locator("html").getAttribute("lang"), lang);
    await page.getByRole("button", { name: words }).waitFor();
    await page.finish();
  }
  const page = await newPage();
  await choose(page, [fileOf(street)]);
  await waitPainted(page);
  await page.locator("#language").selectOption("zh");
  await page.locator(".stylecard", { hasText: "宫崎骏风" }).waitFor();
  await page.getByRole("button", { name: "保存", exact: true }).waitFor();
  await page.locator("#language").selectOption("ja");
  await page.locator(".stylecard", { hasText: "新海誠風の光" }).waitFor();
  await page.reload();
  await page.getByRole("heading", { name: "スタイル" }).waitFor();
  await page.finish();
});

test("a phone: nothing sticks out, two fingers zoom, all by touch", async () => {
  const page = await newPage({ viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true });
  const overflow = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.equal(await overflow(), 0);
  await page.getByRole("button", { name: "A street" }).tap();
  await waitPainted(page);
  assert.equal(await overflow(), 0);
  await choose(page, [2, 3, 4, 5].map((number) => fileOf(street, `${number}.jpg`)));
  await page.getByText("5 of 5 painted").waitFor();
  assert.equal(await overflow(), 0, "a strip of five photos scrolls by itself");
  await page.locator(".stylecard", { hasText: "Skyglow" }).tap();
  await waitPainted(page);
  await page.getByRole("button", { name: "Back to the picture" }).tap();
  await page.waitForFunction(() => scrollY === 0);
  const box = await page.locator("#viewer .split").boundingBox();
  const session = await page.context().newCDPSession(page);
  const fingers = (type, ...points) => session.send("Input.dispatchTouchEvent", { type, touchPoints: points.map(([x, y], id) => ({ x: box.x + x, y: box.y + y, id })) });
  await fingers("touchStart", [120, 100], [180, 100]);
  for (let step = 1; step <= 5; step++) await fingers("touchMove", [120 - step * 10, 100], [180 + step * 10, 100]);
  await fingers("touchEnd");
  const scale = await page.locator("#viewer .painting img").evaluate((image) => new DOMMatrix(getComputedStyle(image).transform).a);
  assert.ok(scale > 1.8 && scale < 3.5, `pinched to ${scale}`);
  const small = await page.evaluate(() => [...document.querySelectorAll("button, select, label.stylecard")].filter((element) => element.checkVisibility())
    .map((element) => [element.textContent || element.ariaLabel, element.offsetWidth, element.offsetHeight]).filter(([, width, height]) => width < 28 || height < 28));
  assert.deepEqual(small, [], "too small for a finger");
  await page.setViewportSize({ width: 320, height: 640 });
  assert.equal(await overflow(), 0, "320 px: a desktop page at 400 % (WCAG 1.4.10)");
  await page.finish();
});

test("by keys alone: from the first Tab to a saved painting", async () => {
  const page = await newPage();
  const reach = async (wanted) => {
    for (let press = 0; press < 60; press++) {
      await page.keyboard.press("Tab");
      if (await page.evaluate((words) => (document.activeElement.getAttribute("aria-label") ?? document.activeElement.textContent).includes(words), wanted)) return;
    }
    assert.fail(`${wanted} cannot be reached`);
  };
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.className), "skip");
  await reach("A coast");
  await page.keyboard.press("Enter");
  await page.waitForFunction(() => document.activeElement.id === "main");
  await waitPainted(page);
  await reach("Save");
  const { name } = await downloadBy(page, () => page.keyboard.press("Enter"));
  assert.equal(name, "coast.kaiga.png");
  await page.finish();
});

test("the privacy line tells the server's own time; delete now deletes", async () => {
  const page = await newPage();
  const { result_ttl_s: ttl } = await (await page.request.get(`${page.home}/api/v1/limits`)).json();
  const privacy = page.locator("#privacy");
  assert.match(await privacy.textContent(), new RegExp(`deletes it after ${Math.max(1, Math.round(ttl / 60))} minutes`));
  await choose(page, [fileOf(street)]);
  await waitPainted(page);
  assert.match(await page.locator(".until").textContent(), /Auto-deletes from the server at \d/);
  // As when the page is opened another time.
  await page.reload();
  await waitPainted(page);
  await page.getByRole("button", { name: "Delete now" }).click();
  await page.getByRole("button", { name: "Delete", exact: true }).click();
  await page.getByText("street.jpg was deleted").waitFor();
  assert.ok(await page.locator("#welcome").isVisible());
  await until(() => isGone(page, page.jobs[0]), "the painting is not to be had any more");
  const { state } = await (await page.request.get(`${page.home}/api/v1/jobs/${page.jobs[0]}`)).json();
  // Either nothing is known of it any more, or that it was deleted.
  assert.ok([undefined, "cancelled"].includes(state), state);
  await page.reload();
  await page.locator("#welcome").waitFor();
  assert.equal(await page.locator("#welcome-history .painting").count(), 0, "nor is it on this device");
  await page.finish();
});

test("what is no picture is refused, and the page says what to do", async () => {
  const page = await newPage({ allowed: /status of 415/ });
  await drop(page, [textFile()]);
  const alert = page.locator(".trouble [role=alert]");
  await alert.getByText("This is not a picture kaiga can read").waitFor();
  await alert.getByText("JPEG").first().waitFor();
  await alert.getByText("letter.txt").waitFor();
  assert.equal(await alert.getByRole("button", { name: "Try again" }).count(), 0, "it would not help");
  await alert.getByRole("button", { name: "Remove this photo" }).click();
  await page.locator("#welcome").waitFor();
  await page.finish();
});

test("without a network the page opens and says so", async () => {
  const page = await newPage({ allowed: /ERR_INTERNET_DISCONNECTED|Failed to load/ });
  await page.evaluate(() => navigator.serviceWorker.ready);
  await page.waitForFunction(() => navigator.serviceWorker.controller);
  await page.context().setOffline(true);
  await page.reload();
  await page.getByRole("heading", { name: "Your photo, painted" }).waitFor();
  await page.getByText("You are offline.").waitFor();
  const shown = await page.locator("#showcase .painting img").evaluateAll((images) => Promise.all(images.map((image) => image.decode().then(() => image.naturalWidth))));
  assert.ok(shown.length === 3 && shown.every((width) => width > 0), shown.join());
  await page.context().setOffline(false);
  await page.getByText("You are offline.").waitFor({ state: "hidden" });
  await page.locator(".stylecard").first().waitFor({ state: "attached" });
  await page.finish();
});

test("it can be installed: manifest, icons, share target", async () => {
  const page = await newPage();
  const manifest = await (await page.request.get(`${page.home}/manifest.webmanifest`)).json();
  assert.equal(manifest.share_target.action, "/share");
  for (const { src, sizes, type } of manifest.icons) {
    const answer = await page.request.get(page.home + src);
    assert.equal(answer.headers()["content-type"], type);
    if (type === "image/png") assert.equal(`${inspect(await answer.body()).width}x${inspect(await answer.body()).height}`, sizes);
  }
  const session = await page.context().newCDPSession(page);
  const { installabilityErrors } = await session.send("Page.getInstallabilityErrors");
  assert.deepEqual(installabilityErrors.filter(({ errorId }) => errorId !== "in-incognito"), []);
  await page.finish();
});
