// Zoom and pan of something in a box: a scale and an offset, kept so that the content always covers the box. Geometry
// only; who presses what is before_after.js's business.

export const MAX_SCALE = 8;

export class Zoom {
  scale = 1;
  /** Offset of the content's top left corner from the box's, px. */
  x = 0;
  y = 0;

  /** `size` says the box's [width, height] in px; `show` is called after each change. */
  constructor(size, show) {
    this.size = size;
    this.show = show;
  }

  /** Scales by `factor`, the point (x, y) of the box staying where it is. */
  by(factor, x = this.size()[0] / 2, y = this.size()[1] / 2) {
    const scale = Math.min(MAX_SCALE, Math.max(1, this.scale * factor));
    const change = scale / this.scale;
    this.x = x - (x - this.x) * change;
    this.y = y - (y - this.y) * change;
    this.scale = scale;
    this.settle();
  }

  move(dx, dy) {
    this.x += dx;
    this.y += dy;
    this.settle();
  }

  reset() {
    Object.assign(this, { scale: 1, x: 0, y: 0 });
    this.settle();
  }

  get zoomed() {
    return this.scale > 1.001;
  }

  settle() {
    const [width, height] = this.size();
    this.x = Math.min(0, Math.max(width * (1 - this.scale), this.x));
    this.y = Math.min(0, Math.max(height * (1 - this.scale), this.y));
    this.show();
  }
}
