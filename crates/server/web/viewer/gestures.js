// Fingers (and the mouse) on an element: one drags, two pinch.

/**
 * `start(event)` is told that a finger came down; false leaves it alone. `move(event, last, count)` that one moved while there
 * are `count` of them, but not two; `pinch(factor, clientX, clientY)` that two moved apart by `factor`, and their middle.
 */
export function gestures(element, { start, move, pinch }) {
  const down = new Map();
  element.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || start(event) === false) return;
    down.set(event.pointerId, event);
    element.setPointerCapture(event.pointerId);
  });
  element.addEventListener("pointermove", (event) => {
    const last = down.get(event.pointerId);
    if (!last) return;
    down.set(event.pointerId, event);
    if (down.size !== 2) return move(event, last, down.size);
    const other = [...down.values()].find(({ pointerId }) => pointerId !== event.pointerId);
    const span = (finger) => Math.max(1, Math.hypot(finger.clientX - other.clientX, finger.clientY - other.clientY));
    pinch(span(event) / span(last), (event.clientX + other.clientX) / 2, (event.clientY + other.clientY) / 2);
  });
  for (const end of ["pointerup", "pointercancel"]) element.addEventListener(end, (event) => down.delete(event.pointerId));
}
