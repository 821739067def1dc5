// Where one is in the page, as an address: / welcomes, /#work has the pictures, /#live the camera. Back and forward go between them, and nothing
// is lost on the way. A look may come with the address (look/presets.js).

import { setLive } from "../live/lens.js";
import { onChange, select, state } from "../state.js";

let last = null;

/** Whether the address is that of the pictures. */
export const atWork = () => location.hash === "#work";

const addressOf = () => (state.live ? "#live" : state.selected ? "#work" : "");

export function startAddress() {
  let shown = addressOf();
  onChange(() => {
    if (state.selected) last = state.selected;
    const now = addressOf();
    if (now === shown) return;
    shown = now;
    if (now !== location.hash) history.pushState(null, "", `/${now}`);
  });
  addEventListener("popstate", () => {
    const live = location.hash === "#live";
    setLive(live);
    if (live || !atWork()) return select(null);
    select(state.pictures.includes(last) ? last : state.pictures.at(-1) ?? null);
  });
  document.querySelector(".brand").addEventListener("click", (event) => {
    if (event.ctrlKey || event.metaKey || event.shiftKey) return;
    event.preventDefault();
    setLive(false);
    select(null);
  });
  if (location.hash === "#live") setLive(true);
}
