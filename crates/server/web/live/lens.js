// Whether the page is live: there is no picture in the viewer then.

import { changed, select, state } from "../state.js";

let before = null;

/** Goes live, or back to the picture one came from. */
export function setLive(live) {
  if (state.live === live) return;
  state.live = live;
  if (live) {
    before = state.selected;
    select(null);
  } else if (state.pictures.includes(before)) select(before);
  else changed();
}
