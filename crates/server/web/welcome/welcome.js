// The first sight: three looks side by side to play with, their photos to try. Landscapes, streets and food, never people. The
// pictures stand in index.html, so that they come before this does; ../samples.sh makes them.

import { byId, h } from "../dom.js";
import { styleWords, t } from "../i18n.js";
import { accept } from "../intake/intake.js";
import { beforeAfter } from "../viewer/before_after.js";
import { onChange, state } from "../state.js";

async function take(name, address) {
  const blob = await (await fetch(address)).blob();
  accept([new File([blob], `${name}.webp`, { type: "image/webp" })]);
}

export function startWelcome() {
  const draws = [];
  for (const panel of document.querySelectorAll("#showcase .panelled")) {
    const { sample, style, photo } = panel.dataset;
    const pair = beforeAfter({ start: 38, zoomable: false, element: panel.querySelector(".split") });
    const [title, tag] = panel.querySelectorAll("figcaption > *");
    const painting = panel.querySelector(".painting img");
    const image = h("img", { src: painting.currentSrc || painting.src, alt: "", width: 52, height: 52 });
    const words = h("span");
    byId("samples").append(h("button.sample", { type: "button", onclick: () => take(sample, photo) }, image, words));
    draws.push(() => {
      const { name, tag: known } = styleWords({ name: style });
      title.textContent = name;
      tag.textContent = known;
      pair.words(name);
      words.textContent = t(`sample.${sample}`);
    });
  }

  let shown = null;
  onChange(() => {
    draws.forEach((draw) => draw());
    const working = state.selected !== null || state.live;
    if (working === shown) return;
    byId("welcome").hidden = working;
    byId("work").hidden = !working;
    // The button that was pressed is gone: whoever goes by keys or ears goes on from the top of what is new.
    if (shown !== null) byId("main").focus({ preventScroll: true });
    shown = working;
    scrollTo({ top: 0 });
  });
}
