// Every state of the page is accessible, light and dark, on a desk and on a phone, in three languages (axe.mjs). The states
// that want a bad day are in troubles.test.mjs.

import assert from "node:assert/strict";
import { after, afterEach, before, test } from "node:test";
import { check } from "./axe.mjs";
import { brokenFile, choose, close, drawnFace, fileOf, newPage, open, street, tidy, waitPainted, waitThumbnails } from "./harness.mjs";

before(open);
after(close);
afterEach(tidy);

async function walk(name, options) {
  const page = await newPage({ bypassCSP: true, allowed: /status of 4\d\d/, ...options });
  await page.locator("#showcase .painting img").evaluateAll((images) => Promise.all(images.map((image) => image.decode())));
  await check(page, `${name}-1-welcome`, { fullPage: true });

  await choose(page, [fileOf(street)]);
  await waitPainted(page);
  await waitThumbnails(page);
  await check(page, `${name}-2-painted`, { fullPage: true });

  await page.locator("#compare").click();
  await page.waitForFunction(() => document.querySelectorAll(".comparecell").length > 1 && !document.querySelector(".comparecell.pending"));
  await check(page, `${name}-3-compare`);
  await page.keyboard.press("Escape");

  await choose(page, [fileOf(drawnFace), brokenFile(), fileOf(street, "again.jpg")]);
  await page.waitForFunction(() => [...document.querySelectorAll(".cell")].every(({ dataset }) => ["done", "failed"].includes(dataset.status)) && document.querySelectorAll(".cell").length === 4);
  await page.locator(".cell .frame").first().click();
  await check(page, `${name}-4-gallery`);
  await page.locator(".cell .frame").nth(2).click();
  await page.locator(".trouble [role=alert]").waitFor();
  await check(page, `${name}-5-error`, { fullPage: true });
  await page.locator(".cell .frame").nth(1).click();
  await waitPainted(page);
  await page.locator("#easelbar .stagebar .soft:not([hidden])", { hasText: /Crop|裁|切り抜/ }).first().click();
  await page.locator("dialog .square").waitFor();
  await check(page, `${name}-6-crop`);
  await page.keyboard.press("Escape");
  await page.finish();
}

const desk = { viewport: { width: 1280, height: 860 } };
const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true };

test("light, English, on a desk", () => walk("light-en", { ...desk, locale: "en-GB" }));
test("dark, Chinese, on a desk", () => walk("dark-zh", { ...desk, locale: "zh-CN", colorScheme: "dark" }));
test("light, Japanese, on a phone", () => walk("phone-ja", { ...phone, locale: "ja-JP" }));
test("dark, Chinese, on a phone", () => walk("phone-dark-zh", { ...phone, locale: "zh-CN", colorScheme: "dark" }));

test("the theme is the system's and can be changed for good", async () => {
  const page = await newPage();
  const ground = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  // The button shows the theme that is on.
  const shown = () => page.locator("#theme .icon").evaluateAll((icons) => icons.filter((icon) => icon.checkVisibility()).map((icon) => icon.classList[1]).join());
  assert.deepEqual([await ground(), await shown()], ["rgb(255, 247, 237)", "moon"]);
  await page.getByRole("button", { name: "Dark theme" }).click();
  assert.equal(await page.getByRole("button", { name: "Dark theme" }).getAttribute("aria-pressed"), "true");
  await page.reload();
  assert.deepEqual([await ground(), await shown()], ["rgb(30, 20, 32)", "sun"]);
  await page.emulateMedia({ colorScheme: "dark" });
  await page.evaluate(() => localStorage.clear());
  await page.reload();
  assert.deepEqual([await ground(), await shown()], ["rgb(30, 20, 32)", "sun"], "a dark system");
  await page.finish();
});
