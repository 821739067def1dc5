// Looks at a state of the page: axe-core finds no serious violation (WCAG 2.2 A and AA, contrast included), and a picture of
// it goes to runs/browser, to be looked at; nothing of the page or of a dialog sticks out sideways. The page has to be opened with `bypassCSP`, for axe is brought in from outside.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { shots } from "./harness.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export async function check(page, name, { fullPage = false } = {}) {
  // Colours are measured when nothing fades any more.
  await page.evaluate(() => Promise.all(document.getAnimations().filter((each) => each instanceof CSSTransition).map((each) => each.finished.catch(() => {}))));
  await page.screenshot({ path: join(shots, `${name}.png`), fullPage });
  const wide = await page.evaluate(() => [document.documentElement, ...document.querySelectorAll("dialog[open]")].filter((each) => each.scrollWidth > each.clientWidth).map(({ scrollWidth, clientWidth }) => [scrollWidth, clientWidth]));
  assert.deepEqual(wide, [], `${name}: something sticks out sideways`);
  await page.evaluate(axe);
  const { violations } = await page.evaluate(() => axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"] }));
  const serious = violations.filter(({ impact }) => impact === "serious" || impact === "critical");
  assert.deepEqual(serious.map(({ id, nodes }) => [id, ...nodes.map(({ html, any }) => `${html.slice(0, 160)} ${any[0]?.message ?? ""}`)]), [], name);
}
