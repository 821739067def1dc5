// Live: the camera's picture, painted while one looks, in the look that the panel says. What is painted can be recorded, and
// a moment of it taken as a photo. A picture that is opened, or another address, ends it.

import { setLive } from "./lens.js";
import { canRecord, record } from "./record.js";
import { stream } from "./stream.js";
import { debounced, byId, h, icon, say } from "../dom.js";
import { askKey, mayPass, toast, words } from "../errors.js";
import { accept } from "../intake/intake.js";
import { cameraOn, reason, severalCameras } from "../intake/camera.js";
import { t } from "../i18n.js";
import { cut } from "../picture/pixels.js";
import { download } from "../picture/save.js";
import { changed, newPicture, onChange, select, state } from "../state.js";

const WANTED = { width: 640, height: 480 };
/** Longest side of the still that the style cards show, px. */
const STILL_PX = 256;
const FIGURES_MS = 500;
const LOOK_MS = 120;

let facing = "user", lens = null, running = null, recording = null, began = 0;

export function startLive() {
  const canvas = h("canvas.livecanvas", { role: "img", width: WANTED.width, height: WANTED.height });
  const context = canvas.getContext("2d");
  const camera = h("video.livecamera", { autoplay: true, muted: true, playsInline: true, "aria-hidden": "true", tabIndex: -1 });
  const waiting = h("p.livewaiting");
  const sign = h("p.liverecording", { hidden: true });
  const stage = h("div.livestage", {}, canvas, camera, waiting, sign);
  const figures = h("p.livefigures");
  const trouble = h("div.notice", { role: "alert", hidden: true });
  const button = (style, act) => h(`button.${style}`, { type: "button", onclick: act });
  const snap = button("primary", snapshot), film = button("soft", toggleRecording), flip = button("soft", turn), leave = button("soft", () => setLive(false));
  flip.hidden = true;
  byId("live-place").append(stage, figures, trouble, h("div.actions.liveactions", {}, snap, film, flip, leave));
  const tab = byId("live-tab");
  tab.addEventListener("click", () => setLive(!state.live));

  let painted = false;

  async function begin() {
    trouble.hidden = true;
    painted = false;
    try {
      lens?.stop();
      lens = await cameraOn(camera, facing, WANTED);
      if (!state.live) return end();
      stage.classList.toggle("mirror", facing === "user");
      flip.hidden = !(await severalCameras());
      await still();
      connect();
    } catch (error) {
      fail(t(reason(error)));
    }
    changed();
  }

  function connect() {
    running?.close();
    running = stream(camera, state.look, { onPainting: show, onEnd: over });
    sent = JSON.stringify(state.look);
  }

  function show(bitmap, { width, height }) {
    if (canvas.width !== width || canvas.height !== height) {
      Object.assign(canvas, { width, height });
      stage.style.setProperty("--ratio", width / height);
    }
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, width, height);
    if (painted) return;
    painted = true;
    say(t("live.on"));
    changed();
  }

  function over(problem) {
    running = null;
    if (!problem || !state.live) return;
    // What is not looked at may end; it goes on when it is looked at again.
    if (document.hidden) return;
    if (problem.kind === "unauthorized") askKey(connect);
    const { title, advice } = words(problem);
    fail(problem.kind === "queue-full" ? t("live.full") : `${title}. ${advice}`, mayPass(problem));
  }

  function fail(text, again = true) {
    trouble.replaceChildren(h("p", {}, text), again && h("button.soft", { type: "button", onclick: () => { trouble.hidden = true; begin(); } }, icon("again"), t("tryAgain")));
    trouble.hidden = false;
    changed();
  }

  function end() {
    if (recording) toggleRecording();
    running?.close();
    lens?.stop();
    [running, lens] = [null, null];
    state.still = null;
    context.clearRect(0, 0, canvas.width, canvas.height);
  }

  const photo = (type) => createImageBitmap(camera).then((bitmap) => cut(bitmap, null, type === "image/webp" ? STILL_PX : Infinity, type).finally(() => bitmap.close()));

  // The cards of the styles show what the camera saw first.
  async function still() {
    const small = await photo("image/webp");
    state.still = { ...newPicture(new File([small], "live.webp")), small, url: null };
  }

  async function snapshot() {
    const file = new File([await photo("image/jpeg")], `live-${new Date().toTimeString().slice(0, 8).replaceAll(":", "")}.jpg`, { type: "image/jpeg" });
    const taken = accept([file], { show: false });
    const picture = state.pictures.at(-1);
    toast(t("live.taken"), "camera", { label: t("live.see"), act: () => select(picture) });
    await taken;
  }

  async function toggleRecording() {
    if (!recording) {
      recording = record(canvas);
      began = performance.now();
      say(t("live.recording"));
      return changed();
    }
    const ended = recording;
    recording = null;
    changed();
    const { blob, extension } = await ended.stop();
    download(blob, `kaiga-live.${extension}`);
    say(t("live.saved"));
  }

  function turn() {
    facing = facing === "user" ? "environment" : "user";
    begin();
  }

  let sent = "";
  const tell = debounced(() => {
    const look = JSON.stringify(state.look);
    if (look === sent) return;
    sent = look;
    running?.look(state.look);
  }, LOOK_MS);

  document.addEventListener("visibilitychange", () => {
    if (!state.live) return;
    if (document.hidden) running?.close();
    else if (lens && !running) connect();
  });

  setInterval(() => {
    if (!state.live) return;
    const found = running?.figures();
    const [width, height] = found?.size ?? [];
    figures.textContent = found ? t("live.figures", { fps: found.fps.toFixed(0), ms: found.ms.toFixed(0), ms95: found.ms95.toFixed(0), w: width, h: height }) : "";
    const seconds = Math.floor((performance.now() - began) / 1000);
    if (recording) sign.textContent = `${t("live.rec")} ${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  }, FIGURES_MS);

  const name = (button, sign, text) => button.replaceChildren(icon(sign), h("span", {}, t(text)));

  let was = false;
  onChange(() => {
    for (const button of [tab, document.querySelector("[data-open=live]")]) button.hidden = state.limits?.live_max === 0;
    tab.setAttribute("aria-pressed", String(state.live));
    canvas.setAttribute("aria-label", t("live.canvas"));
    waiting.textContent = t("live.waiting");
    waiting.hidden = painted || !trouble.hidden;
    stage.classList.toggle("painted", painted);
    figures.title = t("live.figuresHint");
    name(snap, "camera", "live.snapshot");
    name(film, recording ? "stop" : "record", recording ? "live.stop" : "live.record");
    film.hidden = !canRecord();
    film.setAttribute("aria-pressed", String(Boolean(recording)));
    name(flip, "flip", "flip");
    name(leave, "close", "live.leave");
    for (const each of [snap, film]) each.disabled = !painted;
    sign.hidden = !recording;
    if (state.live) tell();
    if (state.live === was) return;
    was = state.live;
    byId("live-place").hidden = !was;
    byId("work").classList.toggle("is-live", was);
    if (was) begin();
    else end();
  });
}
