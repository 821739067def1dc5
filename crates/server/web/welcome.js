// The first sight: an example to play with, three sample photos to try. Landscapes, streets and food, never people.

import { byId, h } from "./dom.js";
import { styleWords, t } from "./i18n.js";
import { accept } from "./intake.js";
import { split } from "./split.js";
import { onChange, state } from "./state.js";

const here = new URL(".", import.meta.url);
const samples = [
  { name: "street", style: "meadow", ratio: 4 / 3 },
  { name: "coast", style: "skyglow", ratio: 16 / 9 },
  { name: "sweets", style: "storybook", ratio: 1 },
];
const url = (file) => new URL(`samples/${file}.webp`, here).href;

async function take({ name }) {
  const blob = await (await fetch(url(name))).blob();
  accept([new File([blob], `${name}.webp`, { type: "image/webp" })]);
}

export function startWelcome() {
  const pair = split({ start: 46, zoomable: false });
  const caption = h("figcaption");
  byId("showcase").append(h("figure.example", {}, pair.element, caption));
  pair.show({ before: url("street"), after: url("street-meadow"), ratio: samples[0].ratio });

  const buttons = samples.map((sample) => {
    const image = h("img", { src: url(`${sample.name}-${sample.style}`), alt: "", width: 72, height: 72 });
    const words = h("span");
    byId("samples").append(h("button.sample", { type: "button", onclick: () => take(sample) }, image, words));
    return () => { words.textContent = t(`sample.${sample.name}`); };
  });

  onChange(() => {
    const style = styleWords({ name: samples[0].style });
    caption.textContent = `${style.name} · ${style.tag}`;
    pair.words();
    buttons.forEach((draw) => draw());
    const working = state.pictures.length > 0;
    if (working === byId("welcome").hidden) return;
    byId("welcome").hidden = working;
    byId("work").hidden = !working;
    // The button that was pressed is gone: whoever goes by keys or ears goes on from the top of what is new.
    byId("main").focus({ preventScroll: true });
    scrollTo({ top: 0 });
  });
}
