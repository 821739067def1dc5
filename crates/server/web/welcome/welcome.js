// The first sight: three looks side by side to play with, their photos to try. Landscapes, streets and food, never people.

import { byId, h } from "../dom.js";
import { styleWords, t } from "../i18n.js";
import { accept } from "../intake/intake.js";
import { beforeAfter } from "../viewer/before_after.js";
import { onChange, state } from "../state.js";

const here = new URL("..", import.meta.url);
// Photos and paintings come from ../samples.sh. `focus` is what a narrow panel shows of them, from left and from top.
const samples = [
  { name: "street", style: "meadow", focus: "64% 50%" },
  { name: "coast", style: "skyglow", focus: "50% 50%" },
  { name: "sweets", style: "storybook", focus: "50% 50%" },
];
// Taller than wide, so that three stand side by side on a phone too.
const PANEL_RATIO = 0.62;
const url = (file) => new URL(`samples/${file}.webp`, here).href;

async function take({ name }) {
  const blob = await (await fetch(url(name))).blob();
  accept([new File([blob], `${name}.webp`, { type: "image/webp" })]);
}

export function startWelcome() {
  const panels = samples.map(({ name, style, focus }) => {
    const pair = beforeAfter({ start: 38, zoomable: false });
    const title = h("strong"), tag = h("span.tag");
    pair.element.style.setProperty("--focus", focus);
    pair.show({ before: url(name), after: url(`${name}-${style}`), ratio: PANEL_RATIO });
    byId("showcase").append(h("figure.panelled", {}, pair.element, h("figcaption", {}, title, tag)));
    return () => {
      const words = styleWords({ name: style });
      title.textContent = words.name;
      tag.textContent = words.tag;
      pair.words(words.name);
    };
  });

  const buttons = samples.map((sample) => {
    const image = h("img", { src: url(`${sample.name}-${sample.style}`), alt: "", width: 72, height: 72 });
    const words = h("span");
    byId("samples").append(h("button.sample", { type: "button", onclick: () => take(sample) }, image, words));
    return () => { words.textContent = t(`sample.${sample.name}`); };
  });

  onChange(() => {
    [...panels, ...buttons].forEach((draw) => draw());
    const working = state.pictures.length > 0;
    if (working === byId("welcome").hidden) return;
    byId("welcome").hidden = working;
    byId("work").hidden = !working;
    // The button that was pressed is gone: whoever goes by keys or ears goes on from the top of what is new.
    byId("main").focus({ preventScroll: true });
    scrollTo({ top: 0 });
  });
}
