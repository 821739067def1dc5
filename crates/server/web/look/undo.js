// Steps back and forth through the looks that were set.

import { state } from "../state.js";

const MOST = 100;
const past = [], future = [];
let current = JSON.stringify(state.look);

/** Takes note of the look as it stands now, if it is another. */
export function record() {
  const now = JSON.stringify(state.look);
  if (now === current) return;
  past.push(current);
  if (past.length > MOST) past.shift();
  future.length = 0;
  current = now;
}

/** Begins anew with the look as it stands: nothing lies before it. */
export function begin() {
  current = JSON.stringify(state.look);
}

function step(from, to) {
  record();
  if (!from.length) return null;
  to.push(current);
  current = from.pop();
  return JSON.parse(current);
}

/** The look before, the look after, or null. */
export const undone = () => step(past, future);
export const redone = () => (future.length ? step(future, past) : null);
export const canUndo = () => past.length > 0;
export const canRedo = () => future.length > 0;
