// Whether the server can be reached. Whoever gets no answer says so with lost() and waits for back(); meanwhile the server is
// asked once a second, and at once when the browser says that it is online again.

import { sleep } from "./dom.js";
import { changed, state } from "./state.js";

const PROBE_MS = 1000;
let waiting = null, hurry = () => {};

async function answers() {
  try {
    return (await fetch("/healthz", { cache: "no-store", signal: AbortSignal.timeout(4 * PROBE_MS) })).ok;
  } catch {
    return false;
  }
}

async function probe() {
  while (!navigator.onLine || !(await answers())) {
    if (state.connected) { state.connected = false; changed(); }
    await Promise.race([sleep(PROBE_MS), new Promise((resolve) => { hurry = resolve; })]);
  }
  state.connected = true;
  waiting = null;
  changed();
}

/** Says that the server gave no answer. Resolves when it gives one again. */
export const lost = () => (waiting ??= probe());

export function startConnection() {
  addEventListener("online", () => hurry());
  addEventListener("offline", () => { state.connected = false; changed(); lost(); });
  if (!navigator.onLine) lost();
}
