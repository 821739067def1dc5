// Puts the page together: each part draws itself from the state (state.js) and listens for its own buttons.

import * as api from "./api.js";
import { openCamera } from "./intake/camera.js";
import { startCompare } from "./viewer/compare.js";
import { byId, sleep } from "./dom.js";
import { askKey, toast, words } from "./errors.js";
import { startFilmstrip } from "./intake/filmstrip.js";
import { startLanguages, t } from "./i18n.js";
import { startIntake } from "./intake/intake.js";
import { startLook } from "./look/look.js";
import { startPetals } from "./welcome/petals.js";
import { startPreviews } from "./look/previews.js";
import { startProgress } from "./viewer/progress.js";
import { startSave } from "./picture/save.js";
import { changed, onChange, state } from "./state.js";
import { startViewer } from "./viewer/viewer.js";
import { startWelcome } from "./welcome/welcome.js";

function startTheme() {
  const root = document.documentElement, button = byId("theme");
  const dark = () => (root.dataset.theme ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light")) === "dark";
  const show = () => button.setAttribute("aria-pressed", String(dark()));
  if (localStorage.getItem("theme")) root.dataset.theme = localStorage.getItem("theme");
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    localStorage.setItem("theme", root.dataset.theme);
    show();
  });
  show();
}

// True by the server's own word: nothing is promised before its limits are known.
function startPrivacy() {
  onChange(() => {
    const seconds = state.limits?.result_ttl_s;
    const text = t(seconds ? "privacy" : "privacyPlain", { host: location.host, minutes: Math.max(1, Math.round(seconds / 60)) });
    if (byId("privacy").textContent !== text) byId("privacy").textContent = text;
  });
}

function startConnection() {
  const show = () => { byId("offline").hidden = navigator.onLine; };
  addEventListener("online", () => { show(); if (!state.limits) learn(); });
  addEventListener("offline", show);
  show();
}

/** Asks the server what it has; goes on asking while it cannot be reached. */
async function learn() {
  for (let wait = 2; ; wait = Math.min(30, wait * 2)) {
    try {
      const [limits, { styles, default: first }] = await Promise.all([api.limits(), api.styles()]);
      Object.assign(state, { limits, styles });
      if (!styles.some(({ name }) => name === state.look.style)) state.look.style = first;
      changed();
      if (limits.auth_required && !sessionStorage.getItem("token")) askKey(() => {});
      return;
    } catch (error) {
      if (error.kind === "unauthorized") return askKey(learn);
      if (navigator.onLine) toast(`${words(error).title}. ${words(error).advice}`, "close");
      await sleep(wait * 1000);
      if (state.limits) return;
    }
  }
}

startLanguages();
startTheme();
startWelcome();
startViewer();
startProgress();
startFilmstrip();
startLook();
startSave();
startCompare();
startPreviews();
startPetals();
startPrivacy();
startConnection();
for (const button of document.querySelectorAll("[data-open]")) {
  button.addEventListener("click", button.dataset.open === "files" ? () => byId("files").click() : openCamera);
}
startIntake();
learn();
navigator.serviceWorker?.register("/sw.js").catch(() => {});
