// Makes docs/gallery/page.jpg, the page in the README: light on a desk, dark on a phone. After run.sh has installed what it needs:
//   CHROMIUM=$(command -v chromium) ../serving.sh node gallery.mjs

import { fileURLToPath } from "node:url";
import { choose, close, fileOf, newPage, open, street, waitPainted, waitThumbnails } from "./harness.mjs";

const path = fileURLToPath(new URL("../../../docs/gallery/page.jpg", import.meta.url));

/** The page with the street, painted in each of `looks` in turn, as a data address. */
async function shot(looks, options) {
  const page = await newPage({ path: null, locale: "en-GB", ...options });
  await page.addInitScript(() => { navigator.canShare = () => true; });
  await page.goto(page.home);
  await page.locator(".stylecard").first().waitFor({ state: "attached" });
  await choose(page, [fileOf(street)]);
  for (const look of looks) {
    await waitPainted(page);
    await page.locator(".stylecard", { hasText: look }).click();
  }
  await waitPainted(page);
  await waitThumbnails(page);
  await page.evaluate(() => { scrollTo({ top: 0, behavior: "instant" }); document.activeElement.blur(); });
  // The petals have fallen, the divider has come to rest.
  await page.waitForFunction(() => !document.querySelector("#petals.falling"));
  await page.waitForTimeout(1500);
  await page.mouse.move(0, 0);
  const picture = await page.screenshot();
  await page.finish();
  return `data:image/png;base64,${picture.toString("base64")}`;
}

await open();
try {
  const desk = await shot(["Meadow"], { viewport: { width: 1440, height: 900 }, deviceScaleFactor: 2 });
  const phone = await shot(["Meadow", "Storybook"], { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true, isMobile: true, colorScheme: "dark" });
  const sheet = await newPage({ path: null, viewport: { width: 1600, height: 900 } });
  await sheet.setContent(`<style>body { margin: 0; background: #f6dde2 } img { position: absolute; border-radius: 20px; box-shadow: 0 24px 60px -12px #7a385866 }</style>
    <img src="${desk}" style="left: 36px; top: 60px; width: 1248px"><img src="${phone}" style="right: 36px; top: 130px; width: 338px">`);
  await sheet.screenshot({ path, type: "jpeg", quality: 88 });
} finally {
  await close();
}
