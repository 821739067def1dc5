// What needs no browser: the zip writer against Python's reader, the square's geometry, the dictionaries.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const web = fileURLToPath(new URL("../web/", import.meta.url));
// By its text: Node 18 takes a .js file without a package.json beside it for CommonJS.
const load = (name) => import(`data:text/javascript,${encodeURIComponent(readFileSync(join(web, name), "utf8"))}`);

test("a zip file is read by another program, names in every script", async () => {
  const { crc32, distinct, zip } = await load("picture/zip.js");
  assert.equal(crc32(new TextEncoder().encode("123456789")), 0xcbf43926, "the check value of CRC-32");
  assert.deepEqual(distinct(["a.png", "a-2.png", "a.png", "a.png", "b"]), ["a.png", "a-2.png", "a-3.png", "a-4.png", "b"]);
  const path = join(mkdtempSync(join(tmpdir(), "kaiga-")), "test.zip");
  const files = { "樱花.png": "bloom", "empty.txt": "", "photo 2.jpg": "x".repeat(70_000) };
  const archive = await zip(Object.entries(files).map(([name, text]) => ({ name, blob: new Blob([text]) })));
  writeFileSync(path, Buffer.from(await archive.arrayBuffer()));
  const script = "import json, sys, zipfile; z = zipfile.ZipFile(sys.argv[1]); assert z.testzip() is None; print(json.dumps({n: z.read(n).decode() for n in z.namelist()}))";
  assert.deepEqual(JSON.parse(execFileSync("python3", ["-c", script, path])), files);
});

test("the square stays in the picture however it is pulled", async () => {
  const { aroundFace, byCorner, inside, middle, resized } = await load("viewer/crop_geometry.js");
  assert.deepEqual(middle(300, 200), { x: 50, y: 0, side: 200 });
  assert.deepEqual(inside({ x: -40, y: 190, side: 100 }, 300, 200), { x: 0, y: 100, side: 100 });
  assert.deepEqual(inside({ x: 0, y: 0, side: 5 }, 20, 300), { x: 0, y: 0, side: 20 }, "a picture smaller than the least side");
  assert.deepEqual(resized({ x: 100, y: 50, side: 100 }, 60, 300, 200), { x: 120, y: 70, side: 60 });
  assert.deepEqual(byCorner({ x: 100, y: 50, side: 100 }, -1, -1, 60, 10, 300, 200), { x: 60, y: 10, side: 140 });
  let seed = 1;
  const random = () => (seed = (seed * 48271) % 2147483647) / 2147483647;
  for (let round = 0; round < 2000; round++) {
    const [width, height, x, y, side, toX, toY] = Array.from({ length: 7 }, (_, index) => Math.round((index < 2 ? 1 : -200) + random() * 900));
    const sign = () => (random() < 0.5 ? -1 : 1);
    const start = inside({ x, y, side }, width, height);
    for (const square of [start, resized(start, side, width, height), byCorner(start, sign(), sign(), toX, toY, width, height), aroundFace([x, y, 40, 50], width, height)]) {
      assert.ok(square.x >= 0 && square.y >= 0 && square.side >= 1, JSON.stringify({ width, height, square }));
      assert.ok(square.x + square.side <= width && square.y + square.side <= height, JSON.stringify({ width, height, square }));
    }
  }
});

test("the three languages say the same things", async () => {
  const [en, zh, ja] = await Promise.all(["en", "zh", "ja"].map(async (language) => (await load(`i18n/${language}.js`)).default));
  const holes = (text) => [...text.matchAll(/\{\w+\}/g)].map(String).sort();
  for (const other of [zh, ja]) {
    assert.deepEqual(Object.keys(other).sort(), Object.keys(en).sort());
    for (const key of Object.keys(en)) assert.deepEqual(holes(other[key]), holes(en[key]), key);
  }
  const used = readdirSync(web, { recursive: true }).filter((name) => name.endsWith(".js")).map((name) => readFileSync(join(web, name), "utf8"))
    .concat(readFileSync(join(web, "index.html"), "utf8")).join("\n");
  for (const [, key] of used.matchAll(/(?:\bt\(|data-t(?:-label)?=)"([\w.-]+)"/g)) assert.ok(key in en, `no text for ${key}`);
  for (const kind of ["malformed", "unauthorized", "forbidden", "not-found", "too-large", "not-a-picture", "broken-picture", "setting", "rate-limited",
    "queue-full", "cancelled", "internal", "slow-upload", "timed-out", "unavailable", "gone", "network", "page", "empty", "pdf", "heic", "address"]) {
    assert.ok(en[`error.${kind}`] && en[`error.${kind}.do`], `no words for ${kind}`);
  }
});

test("the divider stands on no face, grids are even", async () => {
  const { clearOf, columnsFor } = await load("viewer/crop_geometry.js");
  const whole = { x: 0, side: 1000 };
  const face = (left, width) => ({ bounds: [left, 0, width, 100] });
  assert.equal(clearOf([], whole), 50);
  for (const faces of [[face(450, 100)], [face(300, 400)], [face(100, 300), face(480, 300)], [face(200, 780)]]) {
    const at = 10 * clearOf(faces, whole);
    assert.ok(faces.every(({ bounds: [left, , width] }) => at <= left - 30 || at >= left + width + 30), `${at} lies on a face`);
  }
  assert.equal(clearOf([face(0, 1000)], whole), 4, "nothing but a face: near the border");
  assert.deepEqual([[7, 1200, 250], [7, 360, 160], [8, 1900, 250], [6, 1000, 250], [5, 100, 250]].map((each) => columnsFor(...each)), [4, 2, 4, 3, 1]);
  const heightOf = (cell) => 0.75 * cell + 60;
  assert.deepEqual([[7, 1900, 250, 900], [7, 1900, 250, 500], [7, 1400, 250, 700], [7, 360, 160, 600], [1, 1900, 250, 2000]].map((each) => columnsFor(...each, heightOf)), [4, 7, 4, 2, 1],
    "as large as the height allows");
});

test("the page names no other host and no inline script or style", () => {
  const html = readFileSync(join(web, "index.html"), "utf8");
  assert.doesNotMatch(html, /\sstyle=|\son\w+=|<style|<script(?![^>]*(src=|application\/json))/);
  for (const entry of readdirSync(web, { recursive: true, withFileTypes: true })) {
    if (!/\.(js|css|html|webmanifest)$/.test(entry.name)) continue;
    const text = readFileSync(join(entry.parentPath ?? entry.path, entry.name), "utf8").replaceAll("http://www.w3.org/2000/svg", "");
    assert.doesNotMatch(text, /https?:\/\/\w/, entry.name);
  }
});
