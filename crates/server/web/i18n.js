// Three languages: the browser's own wish first, a choice in the header from then on. A text is looked up by key;
// the dictionaries have the same keys (a test compares them).

import en from "./i18n/en.js";
import ja from "./i18n/ja.js";
import zh from "./i18n/zh.js";
import { byId } from "./dom.js";
import { changed } from "./state.js";

const dictionaries = { en, ja, zh };
const htmlLang = { en: "en", ja: "ja", zh: "zh-Hans" };

function wished() {
  const kept = localStorage.getItem("language");
  if (kept in dictionaries) return kept;
  for (const tag of navigator.languages) {
    const language = tag.slice(0, 2).toLowerCase();
    if (language in dictionaries) return language;
  }
  return "en";
}

let language = wished();

/** The text of `key` with {names} filled in; undefined for an unknown key, so that callers can fall back. */
export function t(key, values = {}) {
  return dictionaries[language][key]?.replace(/\{(\w+)\}/g, (whole, name) => values[name] ?? whole);
}

export const currentLanguage = () => language;

/** Name, tag and description of a style: translated for those built in, the server's words for others. */
export function styleWords(style) {
  return {
    name: t(`style.${style.name}`) ?? style.name,
    tag: t(`style.${style.name}.tag`) ?? style.tags?.[0] ?? "",
    text: t(`style.${style.name}.text`) ?? style.description ?? "",
  };
}

// Numbers and times as in the user's own country where its language is the one shown: 23:15 in en-GB, 11:15 PM in en-US.
const region = () => navigator.languages.find((tag) => tag.toLowerCase().startsWith(language)) ?? htmlLang[language];
const oneDecimal = () => new Intl.NumberFormat(region(), { maximumFractionDigits: 1 });

export const megabytes = (bytes) => `${oneDecimal().format(bytes / 1e6)} MB`;
export const megapixels = (pixels) => `${oneDecimal().format(pixels / 1e6)} MP`;
export const clock = (date) => new Intl.DateTimeFormat(region(), { timeStyle: "short" }).format(date);

/** Fills in all elements with data-t (text) and data-t-label (accessible name and tooltip). */
function translatePage() {
  document.documentElement.lang = htmlLang[language];
  for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
  for (const element of document.querySelectorAll("[data-t-label]")) {
    element.setAttribute("aria-label", t(element.dataset.tLabel));
    element.title = t(element.dataset.tLabel);
  }
  document.title = t("pageTitle");
}

export function startLanguages() {
  const chooser = byId("language");
  chooser.value = language;
  chooser.addEventListener("change", () => {
    language = chooser.value;
    localStorage.setItem("language", language);
    translatePage();
    changed();
  });
  translatePage();
}
