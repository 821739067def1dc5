// Frames to the server and painted frames back, over a WebSocket (GET /api/v1/live). Two frames are under way at a time, one
// being painted and one waiting for it, so that nothing queues; what the camera shows meanwhile is left out.

import * as api from "../api.js";

const UNDER_WAY = 2;
/** A frame whose painting has not come by then was dropped. */
const LOST_MS = 3000;
/** Longest side of what is sent, px. */
const SENT_PX = 640;
const LATELY = 120;

/** The parameters of a look, as the server's first message has them. */
const wishes = (look) => Object.fromEntries(api.lookQuery(look));

/**
 * Opens the stream. `camera` is a <video> that plays; `onPainting` is given each painting as an ImageBitmap with the size of
 * its frame, `onEnd` why it is over: a Problem, or null if close() was called.
 */
export function stream(camera, look, { onPainting, onEnd }) {
  const socket = new WebSocket(`${location.protocol === "https:" ? "wss" : "ws"}://${location.host}/api/v1/live`);
  socket.binaryType = "blob";
  const frame = document.createElement("canvas"), context = frame.getContext("2d", { alpha: false });
  // Number of each frame under way → when the camera showed it.
  const underWay = new Map();
  const done = [];
  let number = 0, isReady = false, isBusy = false, problem = null, isOver = false, limits = { max_frame_bytes: Infinity, max_frame_pixels: Infinity };

  const end = (why) => {
    if (isOver) return;
    isOver = true;
    socket.close();
    onEnd(why);
  };

  socket.onopen = () => socket.send(JSON.stringify({ token: api.token(), ...wishes(look) }));
  socket.onmessage = ({ data }) => {
    if (isOver) return;
    if (typeof data !== "string") return receive(data).catch((error) => end(new api.Problem("page", { detail: String(error) })));
    const told = JSON.parse(data);
    if (told.type === "ready") {
      isReady = true;
      limits = told;
      next();
    } else if (told.type.startsWith("/problems/")) problem = api.Problem.from(told);
  };
  socket.onclose = () => end(problem ?? new api.Problem("network"));

  // With each frame of the camera; browsers that do not tell ask with each frame of the screen.
  const next = () => {
    if (isOver) return;
    if (camera.requestVideoFrameCallback) camera.requestVideoFrameCallback(show);
    else requestAnimationFrame(show);
  };

  async function show() {
    next();
    const now = performance.now();
    for (const [old, { at }] of underWay) if (now - at > LOST_MS) underWay.delete(old);
    if (!isReady || isBusy || underWay.size >= UNDER_WAY || !camera.videoWidth) return;
    isBusy = true;
    const scale = Math.min(1, SENT_PX / Math.max(camera.videoWidth, camera.videoHeight));
    const [width, height] = [camera.videoWidth, camera.videoHeight].map((side) => Math.max(1, Math.round(side * scale)));
    if (frame.width !== width || frame.height !== height) Object.assign(frame, { width, height });
    context.drawImage(camera, 0, 0, width, height);
    const file = await new Promise((resolve) => { frame.toBlob(resolve, "image/jpeg", 0.85); });
    isBusy = false;
    if (isOver || !file || file.size > limits.max_frame_bytes) return;
    number = (number + 1) >>> 0;
    underWay.set(number, { at: now, width, height });
    const head = new DataView(new ArrayBuffer(4));
    head.setUint32(0, number);
    socket.send(new Blob([head, file]));
  }

  async function receive(message) {
    const [head, bitmap] = await Promise.all([message.slice(0, 4).arrayBuffer(), createImageBitmap(message.slice(4))]);
    const painted = new DataView(head).getUint32(0);
    const sent = underWay.get(painted);
    // Those before it were dropped.
    for (const old of [...underWay.keys()]) if (old <= painted) underWay.delete(old);
    if (isOver || !sent) return bitmap.close();
    const now = performance.now();
    done.push({ at: now, ms: now - sent.at, size: [bitmap.width, bitmap.height] });
    if (done.length > LATELY) done.shift();
    onPainting(bitmap, sent);
    bitmap.close();
  }

  return {
    /** Paints in another look from now on. */
    look(other) { if (isReady && !isOver) socket.send(JSON.stringify(wishes(other))); },
    /** {fps, ms, ms95, size} of the last paintings: from the camera to the screen; null before there are two. */
    figures() {
      if (done.length < 2) return null;
      const sorted = done.map(({ ms }) => ms).sort((a, b) => a - b);
      const of = (share) => sorted[Math.round(share * (sorted.length - 1))];
      return { fps: 1000 * (done.length - 1) / (done.at(-1).at - done[0].at), ms: of(0.5), ms95: of(0.95), size: done.at(-1).size };
    },
    close() { end(null); },
  };
}
