// How far the selected picture is: a bar, the stage in words, a way out. Stages are spoken, percentages are not.

import { byId, h, icon, say } from "../dom.js";
import { t } from "../i18n.js";
import { cancel } from "../picture/painting.js";
import { isBusy, onChange, state } from "../state.js";

function stageWords({ status, job }) {
  if (!state.connected) return t("stage.offline");
  if (status === "waiting") return t("stage.waiting");
  if (job?.stage === "busy") return t("stage.busy", { n: job.seconds });
  if (job?.stage === "queued" && job.position > 0) return t("stage.queuedAt", { n: job.position });
  return t(`stage.${job?.stage ?? status}`) ?? t("stage.painting");
}

// Opening and waiting have no measure, so the bar only says that something is going on.
const measured = (picture) => picture.status === "working" && Number.isFinite(picture.job?.progress) && ["painting", "encoding", "done"].includes(picture.job?.stage);

export function startProgress() {
  const bar = h("progress", { max: 1 });
  const words = h("span.stagewords");
  const percent = h("span.percent");
  const out = h("button.link", { type: "button", onclick: () => cancel(state.selected) });
  const box = byId("progress");
  box.append(h("div.progresshead", {}, icon("flower", "flower turning"), words, percent, out), bar);

  let spoken = "";
  onChange(() => {
    const picture = state.selected;
    const shown = Boolean(picture) && (isBusy(picture) || picture.status === "reading");
    box.hidden = !shown;
    if (!shown) { spoken = ""; return; }
    words.textContent = stageWords(picture);
    out.textContent = t("cancel");
    out.hidden = picture.status === "reading";
    bar.setAttribute("aria-label", words.textContent);
    if (measured(picture)) {
      bar.value = picture.job.progress;
      percent.textContent = `${Math.round(100 * picture.job.progress)} %`;
    } else {
      bar.removeAttribute("value");
      percent.textContent = "";
    }
    const stage = picture.status + picture.job?.stage;
    if (stage !== spoken) { spoken = stage; say(words.textContent); }
  });
}
