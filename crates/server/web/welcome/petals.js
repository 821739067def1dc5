// Petals drifting over the page while something is painted. None for those who asked their system for less motion.

import { byId, h } from "../dom.js";
import { isBusy, onChange } from "../state.js";

const PETALS = 14;
const calm = matchMedia("(prefers-reduced-motion: reduce)");

export function startPetals() {
  const place = byId("petals");
  const draw = (state) => {
    const wanted = !calm.matches && state.pictures.some(isBusy);
    if (wanted && !place.childElementCount) {
      place.append(...Array.from({ length: PETALS }, (_, index) => {
        const petal = h("span.petal");
        // Spread by the golden ratio: even, without looking like a grid.
        petal.style.setProperty("--x", `${((index * 0.618) % 1) * 100}vw`);
        petal.style.setProperty("--delay", `${-((index * 0.382) % 1) * 9}s`);
        petal.style.setProperty("--size", `${9 + ((index * 5) % 9)}px`);
        petal.style.setProperty("--sway", `${20 + ((index * 37) % 50)}px`);
        return petal;
      }));
    }
    place.classList.toggle("falling", wanted);
    if (!wanted) setTimeout(() => { if (!place.classList.contains("falling")) place.replaceChildren(); }, 900);
  };
  onChange(draw);
  calm.addEventListener("change", () => { if (calm.matches) place.replaceChildren(); });
}
