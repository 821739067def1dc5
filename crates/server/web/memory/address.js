// Where one is in the page, as an address: / welcomes, /#work has the pictures. Back and forward go between them, and nothing
// is lost on the way. A look may come with the address (look/presets.js).

import { onChange, select, state } from "../state.js";

let last = null;

/** Whether the address is that of the pictures. */
export const atWork = () => location.hash === "#work";

export function startAddress() {
  let shown = Boolean(state.selected);
  onChange(() => {
    if (state.selected) last = state.selected;
    const now = Boolean(state.selected);
    if (now === shown) return;
    shown = now;
    if (now !== atWork()) history.pushState(null, "", now ? "/#work" : "/");
  });
  addEventListener("popstate", () => {
    if (!atWork()) return select(null);
    select(state.pictures.includes(last) ? last : state.pictures.at(-1) ?? null);
  });
  document.querySelector(".brand").addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    select(null);
  });
}
