// A photo from the camera. The preview of a front camera is mirrored as people expect of a mirror; the photo is not.

import { dialog, h, icon } from "../dom.js";
import { t } from "../i18n.js";
import { accept, choosePhotos } from "./intake.js";

/** Has `video` show the camera that looks `facing` ("user" or "environment"); {stop}. */
export async function cameraOn(video, facing, { width, height }) {
  if (!navigator.mediaDevices?.getUserMedia) throw Object.assign(new Error("no camera without https"), { name: "Insecure" });
  const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: facing, width: { ideal: width }, height: { ideal: height } } });
  video.srcObject = stream;
  video.classList.toggle("mirror", facing === "user");
  await video.play();
  return { stop: () => stream.getTracks().forEach((track) => track.stop()) };
}

export const severalCameras = async () => (await navigator.mediaDevices.enumerateDevices()).filter(({ kind }) => kind === "videoinput").length > 1;

/** What to say of an error of cameraOn. */
export const reason = (error) => reasons[error.name] ?? "camera.failed";

const reasons = { Insecure: "camera.insecure", NotAllowedError: "camera.denied", SecurityError: "camera.denied", NotFoundError: "camera.missing", OverconstrainedError: "camera.missing" };

export function openCamera() {
  const video = h("video", { autoplay: true, muted: true, playsInline: true });
  const message = h("p.notice", { role: "alert", hidden: true });
  const shoot = h("button.primary", { type: "button", disabled: true }, icon("camera"), t("shoot"));
  const flip = h("button.soft", { type: "button", hidden: true }, icon("flip"), t("flip"));
  // The way out of every failure; phones offer their own camera there, also where the browser may not use it.
  const instead = h("button.primary", { type: "button", hidden: true, onclick: () => { box.close(); choosePhotos(); } }, icon("picture"), t("choose"));
  let facing = "user", lens = null, closed = false;

  const stop = () => lens?.stop();
  const fail = (key) => { message.textContent = t(key); message.hidden = false; video.hidden = true; shoot.hidden = true; instead.hidden = false; };

  async function start() {
    stop();
    shoot.disabled = true;
    try {
      lens = await cameraOn(video, facing, { width: 1920, height: 1080 });
      if (closed) return stop();
      shoot.disabled = false;
      flip.hidden = !(await severalCameras());
      message.hidden = true;
    } catch (error) {
      if (!closed) fail(reason(error));
    }
  }

  shoot.addEventListener("click", () => {
    const frame = document.createElement("canvas");
    Object.assign(frame, { width: video.videoWidth, height: video.videoHeight });
    frame.getContext("2d").drawImage(video, 0, 0);
    frame.toBlob((blob) => {
      box.close();
      accept([new File([blob], "camera.jpg", { type: "image/jpeg" })]);
    }, "image/jpeg", 0.95);
  });
  flip.addEventListener("click", () => { facing = facing === "user" ? "environment" : "user"; start(); });

  const box = dialog(t("cameraTitle"), t("close"),
    h("div.camera", {}, video, message, h("div.buttons", {}, shoot, instead, flip)),
    () => { closed = true; stop(); });
  start();
}
