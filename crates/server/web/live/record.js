// What a canvas shows, recorded by the browser into a file.

const KINDS = [["video/webm;codecs=vp9", "webm"], ["video/webm;codecs=vp8", "webm"], ["video/webm", "webm"], ["video/mp4", "mp4"]];
const BITS_PER_SECOND = 6_000_000;

const kind = () => KINDS.find(([type]) => window.MediaRecorder?.isTypeSupported(type));

/** Whether this browser can. */
export const canRecord = () => Boolean(HTMLCanvasElement.prototype.captureStream && kind());

/** Begins; `stop()` resolves with {blob, extension}. */
export function record(canvas) {
  const [type, extension] = kind();
  const track = canvas.captureStream();
  const recorder = new MediaRecorder(track, { mimeType: type, videoBitsPerSecond: BITS_PER_SECOND });
  const parts = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  recorder.start(1000);
  return {
    stop: () => new Promise((resolve) => {
      recorder.onstop = () => {
        track.getTracks().forEach((each) => each.stop());
        resolve({ blob: new Blob(parts, { type: type.split(";")[0] }), extension });
      };
      recorder.stop();
    }),
  };
}
