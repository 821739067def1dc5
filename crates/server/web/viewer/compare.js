// All styles of one picture side by side: for choosing, and for showing a class what each does. Can be saved as one
// picture.

import * as api from "../api.js";
import { byId, dialog, h, icon } from "../dom.js";
import { toast, words } from "../errors.js";
import { styleWords, t } from "../i18n.js";
import { chooseStyle } from "../look/look.js";
import { sheet } from "../picture/pixels.js";
import { smallCopy } from "../look/previews.js";
import { download, paintingName } from "../picture/save.js";
import { state } from "../state.js";

const CELL_PX = 640;

async function openCompare() {
  const picture = state.selected;
  if (!picture?.small) return;
  const abort = new AbortController(), { signal } = abort;
  const urls = [];
  const shown = (blob) => { urls.push(URL.createObjectURL(blob)); return urls.at(-1); };
  const cells = [];
  const grid = h("div.comparegrid");
  const saveButton = h("button.primary", { type: "button", disabled: true }, icon("save"), t("saveSheet"));
  const box = dialog(t("compareTitle"), t("close"), h("div.comparebody", {}, grid, h("div.buttons", {}, saveButton)),
    () => { abort.abort(); urls.forEach((url) => URL.revokeObjectURL(url)); });
  box.classList.add("wide");

  const figure = (title, text, action) => {
    const image = h("img", { alt: "" });
    grid.append(h("figure.comparecell.pending", {}, image, h("figcaption", {}, h("strong", {}, title), h("span.tag", {}, text), action)));
    const element = grid.lastChild;
    return (blob) => {
      image.src = shown(blob);
      image.alt = `${title}, ${text}`;
      element.classList.remove("pending");
      cells.push({ blob, title, text });
    };
  };

  try {
    const source = await smallCopy(picture, CELL_PX);
    figure(t("original"), picture.name, null)(source);
    const fill = state.styles.map((style) => {
      const { name, tag } = styleWords(style);
      const current = style.name === state.look.style;
      return figure(name, tag, h("button.soft", { type: "button", disabled: current, onclick: () => { chooseStyle(style.name); box.close(); } },
        t(current ? "inUse" : "use")));
    });
    for (const [index, style] of state.styles.entries()) {
      fill[index](await api.convert(source, { ...state.look, style: style.name }, { maxSide: CELL_PX, signal }));
    }
    saveButton.disabled = false;
    saveButton.addEventListener("click", async () => download(await sheet(cells, 2), paintingName(picture, "png").replace(".kaiga.", ".styles.")));
  } catch (error) {
    if (signal.aborted) return;
    grid.append(h("p.notice", { role: "alert" }, `${words(error).title}. ${words(error).advice}`));
    toast(words(error).title, "close");
  }
}

export function startCompare() {
  byId("compare").addEventListener("click", openCompare);
}
