// A file before it is sent: what is none of the pictures kaiga reads is told so at once, HEIC is turned into JPEG where this
// browser can, and what is above the server's limits is made smaller.

import { Problem } from "../api.js";
import { cut, open } from "../picture/pixels.js";

const HEIC = ["heic", "heix", "heim", "heis", "hevc", "hevx", "mif1", "msf1"];
/** Quality of a JPEG that nobody sees the loss of, and the least that is sent when somebody insists on the size. */
const GOOD = [0.95, 0.9, 0.85], POOR = [0.75, 0.65, 0.55, 0.45];
const STEP = 0.85;

const text = (bytes) => String.fromCharCode(...bytes);

/** "empty", "pdf", "heic" or null, by the first bytes. */
export async function kindOf(file) {
  if (file.size === 0) return "empty";
  const head = new Uint8Array(await file.slice(0, 12).arrayBuffer());
  if (text(head.subarray(0, 5)) === "%PDF-") return "pdf";
  return text(head.subarray(4, 8)) === "ftyp" && HEIC.includes(text(head.subarray(8, 12))) ? "heic" : null;
}

const jpegOf = (file, blob) => new File([blob], file.name.replace(/\.[^.]*$/, "") + ".jpg", { type: "image/jpeg" });

/**
 * {file, notice}: what to send and what to say about it. With `keepSize` a file of too many bytes loses quality, not size.
 * Rejects with a Problem that says what is wrong with the file.
 */
export async function prepared(file, limits, keepSize = false) {
  const kind = await kindOf(file);
  if (kind === "empty" || kind === "pdf") throw new Problem(kind);
  if (kind === "heic") {
    const bitmap = await open(file).catch(() => { throw new Problem("heic"); });
    const jpeg = jpegOf(file, await cut(bitmap, null, Infinity, "image/jpeg", GOOD[0]));
    return { file: jpeg, notice: { text: "notice.heic" } };
  }
  if (!limits) return { file, notice: null };
  const tooHeavy = file.size > limits.max_upload_bytes;
  const bitmap = await open(file).catch(() => null);
  try {
    const tooMany = bitmap && bitmap.width * bitmap.height > limits.max_pixels;
    if (!tooHeavy && !tooMany) return { file, notice: null };
    if (!bitmap) throw new Problem("too-large", { status: 413 });
    return await smaller(file, bitmap, limits, keepSize);
  } finally {
    bitmap?.close();
  }
}

async function smaller(file, bitmap, limits, keepSize) {
  const { width, height } = bitmap;
  const allowed = width * height <= limits.max_pixels;
  let side = Math.max(width, height) * Math.min(1, Math.sqrt(limits.max_pixels / (width * height)));
  for (let whole = allowed; side >= 16; side *= STEP, whole = false) {
    for (const quality of whole && keepSize ? [...GOOD, ...POOR] : GOOD) {
      const blob = await cut(bitmap, null, Math.floor(side), "image/jpeg", quality);
      if (blob.size > limits.max_upload_bytes) continue;
      const scale = Math.min(1, Math.floor(side) / Math.max(width, height));
      const values = { w: Math.round(width * scale), h: Math.round(height * scale) };
      return { file: jpegOf(file, blob), notice: { text: whole ? "notice.recoded" : "notice.shrunk", values, mayKeepSize: allowed && !whole } };
    }
  }
  throw new Problem("too-large", { status: 413 });
}
