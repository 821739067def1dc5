// The square of a crop, {x, y, side} in pixels of the photo: moved and resized, always whole inside the picture.

/** Smallest side, px of the photo: less than this is no avatar. */
export const MIN_SIDE = 32;

/** The square pushed into a picture of width × height, shrunk if it has to be; whole pixels. */
export function inside({ x, y, side }, width, height) {
  const most = Math.min(width, height);
  const kept = Math.round(Math.min(most, Math.max(Math.min(MIN_SIDE, most), side)));
  const within = (value, room) => Math.round(Math.min(room - kept, Math.max(0, value)));
  return { x: within(x, width), y: within(y, height), side: kept };
}

/** The square in a picture of another scale. */
export const scaled = ({ x, y, side }, by) => ({ x: x * by, y: y * by, side: side * by });

/** Another side with the middle staying where it is. */
export function resized({ x, y, side }, newSide, width, height) {
  const half = (side - newSide) / 2;
  return inside({ x: x + half, y: y + half, side: newSide }, width, height);
}

/** The corner (right, bottom: -1 or 1) dragged to (toX, toY), the opposite one staying. */
export function byCorner({ x, y, side }, right, bottom, toX, toY, width, height) {
  const fixedX = right > 0 ? x : x + side, fixedY = bottom > 0 ? y : y + side;
  const roomX = right > 0 ? width - fixedX : fixedX, roomY = bottom > 0 ? height - fixedY : fixedY;
  const wished = Math.max((toX - fixedX) * right, (toY - fixedY) * bottom);
  const newSide = Math.min(roomX, roomY, Math.max(MIN_SIDE, wished));
  return inside({ x: right > 0 ? fixedX : fixedX - newSide, y: bottom > 0 ? fixedY : fixedY - newSide, side: newSide }, width, height);
}

/** A square around a face's box [x, y, w, h] with room for hair and shoulders. */
export function aroundFace([x, y, w, h], width, height) {
  const side = 2.2 * Math.max(w, h);
  return inside({ x: x + w / 2 - side / 2, y: y + h / 2 - side * 0.46, side }, width, height);
}

/** The largest square in the middle: what is suggested until the server has said where it would cut. */
export function middle(width, height) {
  const side = Math.min(width, height);
  return inside({ x: (width - side) / 2, y: (height - side) / 2, side }, width, height);
}

/** Where a divider may stand, in per cent of the square or width {x, side} shown, so that it lies on no face: near the middle if that can be. */
export function clearOf(faces, { x, side }) {
  const margin = 3;
  const covered = (at) => faces.some(({ bounds: [left, , width] }) =>
    at > 100 * (left - x) / side - margin && at < 100 * (left + width - x) / side + margin);
  const places = Array.from({ length: 47 }, (_, step) => 50 + (step % 2 ? -1 : 1) * 2 * Math.ceil(step / 2));
  return places.find((at) => !covered(at)) ?? 4;
}

/**
 * Columns of a grid of `count` cells over `width` px, none narrower than `least`, whose rows are as even as can be: of those that
 * fit into `height` px, each row `heightOf(cell's width)` high, the fewest, so that pictures are large; where none does, the most.
 */
export function columnsFor(count, width, least, height = 0, heightOf = (cell) => cell) {
  const even = (columns) => Math.ceil(count / Math.ceil(count / columns));
  const most = Math.max(1, Math.min(count, Math.floor(width / least)));
  for (let columns = 1; columns < most; columns++) if (Math.ceil(count / columns) * heightOf(width / columns) <= height) return even(columns);
  return even(most);
}
