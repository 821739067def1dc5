// Pictures in the browser: opening them upright, cutting, scaling and saving in another format. The painting itself is
// the server's work.

/** Opens a picture as the eye sees it (orientation applied). Rejects for formats this browser does not know. */
export const open = (blob) => createImageBitmap(blob, { imageOrientation: "from-image" });

function canvas(width, height) {
  const element = document.createElement("canvas");
  Object.assign(element, { width, height });
  return element;
}

const blobOf = (element, type, quality) => new Promise((resolve, reject) =>
  element.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("the picture is too large for this browser"))), type, quality));

/** Width and height scaled down so that the longer is at most `maxSide` px. */
export function fit(width, height, maxSide) {
  const scale = Math.min(1, maxSide / Math.max(width, height));
  return [Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale))];
}

/** The part {x, y, side} of a bitmap (or all of it for null), at most `maxSide` px, as a Blob. */
export function cut(bitmap, crop, maxSide, type = "image/webp", quality = 0.92) {
  const { x, y, side } = crop ?? { x: 0, y: 0 };
  const [width, height] = crop ? [side, side] : [bitmap.width, bitmap.height];
  const [outWidth, outHeight] = fit(width, height, maxSide);
  const target = canvas(outWidth, outHeight);
  const context = target.getContext("2d");
  if (type === "image/jpeg") {
    // It knows no transparency and would show black.
    context.fillStyle = "#fff";
    context.fillRect(0, 0, outWidth, outHeight);
  }
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, x, y, width, height, 0, 0, outWidth, outHeight);
  return blobOf(target, type, quality);
}

/** A picture in another format (MIME type) and at most `maxSide` px, or a disc of it; the very same bytes where nothing changes. */
export async function save(blob, type, maxSide = Infinity, round = false) {
  const bitmap = await open(blob);
  try {
    if (round) return await disc(bitmap, maxSide, type);
    if (blob.type === type && Math.max(bitmap.width, bitmap.height) <= maxSide) return blob;
    return await cut(bitmap, null, maxSide, type);
  } finally {
    bitmap.close();
  }
}

// White around it where the format knows no transparency.
function disc(bitmap, maxSide, type, quality = 0.92) {
  const side = Math.min(bitmap.width, bitmap.height, maxSide);
  const target = canvas(side, side), context = target.getContext("2d");
  if (type === "image/jpeg") {
    context.fillStyle = "#fff";
    context.fillRect(0, 0, side, side);
  }
  context.beginPath();
  context.arc(side / 2, side / 2, side / 2, 0, 2 * Math.PI);
  context.clip();
  context.imageSmoothingQuality = "high";
  context.drawImage(bitmap, 0, 0, side, side);
  return blobOf(target, type, quality);
}

/** The formats this browser can write; Safari has no WebP. */
export async function writableTypes() {
  const types = [];
  for (const type of ["image/png", "image/jpeg", "image/webp"]) {
    if ((await blobOf(canvas(1, 1), type)).type === type) types.push(type);
  }
  return types;
}

/** Pictures with captions in a grid, as one PNG. `cells` are {blob, title, text}. */
export async function sheet(cells, columns, cellPx = 480) {
  const gap = 24, captionPx = 64;
  const bitmaps = await Promise.all(cells.map(({ blob }) => open(blob)));
  const heightPx = Math.max(...bitmaps.map((bitmap) => Math.round(cellPx * bitmap.height / bitmap.width)));
  const rows = Math.ceil(cells.length / columns);
  const target = canvas(gap + columns * (cellPx + gap), gap + rows * (heightPx + captionPx + gap));
  const context = target.getContext("2d");
  context.fillStyle = "#fff6ec";
  context.fillRect(0, 0, target.width, target.height);
  context.imageSmoothingQuality = "high";
  cells.forEach(({ title, text }, index) => {
    const left = gap + (index % columns) * (cellPx + gap);
    const top = gap + Math.floor(index / columns) * (heightPx + captionPx + gap);
    context.drawImage(bitmaps[index], left, top, cellPx, heightPx);
    context.fillStyle = "#47263b";
    context.font = "600 22px system-ui, sans-serif";
    context.fillText(title, left, top + heightPx + 28, cellPx);
    context.font = "17px system-ui, sans-serif";
    context.fillText(text, left, top + heightPx + 54, cellPx);
  });
  for (const bitmap of bitmaps) bitmap.close();
  return blobOf(target, "image/png");
}
