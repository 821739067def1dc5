// Puts the page together: each part draws itself from the state (state.js) and listens for its own buttons.

import * as api from "./api.js";
import { startConnection } from "./connection.js";
import { byId, sleep } from "./dom.js";
import { askKey, toast, words } from "./errors.js";
import { startLanguages, t } from "./i18n.js";
import { openCamera } from "./intake/camera.js";
import { startFilmstrip } from "./intake/filmstrip.js";
import { choosePhotos, startIntake, takeRemembered } from "./intake/intake.js";
import { setLive } from "./live/lens.js";
import { startLive } from "./live/live.js";
import { startLook } from "./look/look.js";
import { startPresets, takeLink } from "./look/presets.js";
import { startPreviews } from "./look/previews.js";
import { begin } from "./look/undo.js";
import { atWork, startAddress } from "./memory/address.js";
import { startHistory } from "./memory/history.js";
import { recallLook } from "./memory/memory.js";
import { startSave } from "./picture/save.js";
import { startAvatar } from "./viewer/avatar.js";
import { startCompare } from "./viewer/compare.js";
import { startProgress } from "./viewer/progress.js";
import { startViewer } from "./viewer/viewer.js";
import { startPetals } from "./welcome/petals.js";
import { startWelcome } from "./welcome/welcome.js";
import { changed, onChange, state } from "./state.js";

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

function startBanner() {
  onChange(() => {
    byId("offline").hidden = state.connected;
    byId("offline").firstChild.textContent = t(navigator.onLine ? "unreachable" : "offline");
  });
}

/** Asks the server what it has; goes on asking while it cannot be reached. */
async function learn() {
  for (let wait = 2; ; wait = Math.min(30, wait * 2)) {
    try {
      const [limits, { styles, default: first }] = await Promise.all([api.limits(), api.styles()]);
      Object.assign(state, { limits, styles });
      const known = (wanted) => styles.some(({ name }) => name === wanted);
      if (!known(state.look.style)) state.look.style = first;
      if (!known(state.look.blend)) state.look.blend = "";
      changed();
      if (limits.auth_required && !sessionStorage.getItem("token")) askKey(() => {});
      return;
    } catch (error) {
      if (error.kind === "unauthorized") return askKey(learn);
      toast(`${words(error).title}. ${words(error).advice}`, "alert");
      await sleep(wait * 1000);
      if (state.limits) return;
    }
  }
}

// The service worker keeps what this browser chose to load of the page's files, so that it opens without a network.
async function keepShell() {
  const { active } = await navigator.serviceWorker.register("/sw.js").then(() => navigator.serviceWorker.ready);
  const loaded = performance.getEntriesByType("resource").map(({ name }) => name).filter((name) => new URL(name).pathname.startsWith("/assets/"));
  active.postMessage({ keep: loaded });
}

recallLook();
begin();
startLanguages();
startTheme();
startWelcome();
startViewer();
startAvatar();
startProgress();
startFilmstrip();
startLook();
startPresets();
startSave();
startCompare();
startPreviews();
startLive();
startPetals();
startPrivacy();
startHistory();
startBanner();
startConnection();
startAddress();
const openers = { files: () => choosePhotos(), avatar: () => choosePhotos({ avatar: true }), camera: openCamera, live: () => setLive(true) };
for (const button of document.querySelectorAll("[data-open]")) button.addEventListener("click", openers[button.dataset.open]);
const show = atWork();
startIntake();
takeLink();
learn();
takeRemembered(show);
if (navigator.serviceWorker) addEventListener("load", () => keepShell().catch(() => {}));
