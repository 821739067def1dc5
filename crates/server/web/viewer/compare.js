// All styles of one picture side by side: for choosing, and for showing a class what each does. One zooms and moves in all of them
// at once. Can be saved as one picture, and printed.

import * as api from "../api.js";
import { byId, dialog, h, icon } from "../dom.js";
import { toast, words } from "../errors.js";
import { styleWords, t } from "../i18n.js";
import { gestures } from "./gestures.js";
import { chooseStyle } from "../look/look.js";
import { smallCopy } from "../look/previews.js";
import { sheet } from "../picture/pixels.js";
import { download, paintingName } from "../picture/save.js";
import { state } from "../state.js";
import { columnsFor } from "./crop_geometry.js";
import { Zoom } from "./zoom.js";

const CELL_PX = 768;
/** Narrower than this a cell shows too little, px. */
const LEAST_PX = 160, LEAST_WIDE_PX = 250;
const PAN_PX = 40;
/** About what a cell has beside its picture, across and below, and the dialog around the grid, px. */
const BORDERS_PX = 28, CAPTION_PX = 80, AROUND_PX = 160;

// One zoom for all panes.
function zoomAll(panes) {
  const zoom = new Zoom(() => [panes[0].clientWidth, panes[0].clientHeight], () => {
    for (const pane of panes) {
      pane.firstChild.style.transform = `translate(${zoom.x}px, ${zoom.y}px) scale(${zoom.scale})`;
      pane.classList.toggle("zoomed", zoom.zoomed);
    }
  });
  for (const pane of panes) {
    const at = ({ clientX, clientY }) => { const box = pane.getBoundingClientRect(); return [clientX - box.left, clientY - box.top]; };
    gestures(pane, {
      start: () => {},
      move: (event, last) => { if (zoom.zoomed) zoom.move(event.clientX - last.clientX, event.clientY - last.clientY); },
      pinch: (factor, clientX, clientY) => zoom.by(factor, ...at({ clientX, clientY })),
    });
    pane.addEventListener("dblclick", (event) => (zoom.zoomed ? zoom.reset() : zoom.by(2.5, ...at(event))));
    pane.addEventListener("wheel", (event) => {
      if (!event.ctrlKey && !zoom.zoomed) return;
      event.preventDefault();
      zoom.by(Math.exp(-event.deltaY / 300), ...at(event));
    }, { passive: false });
  }
  return zoom;
}

async function openCompare() {
  const picture = state.selected;
  if (!picture?.small) return;
  const abort = new AbortController(), { signal } = abort;
  const urls = [];
  const shown = (blob) => { urls.push(URL.createObjectURL(blob)); return urls.at(-1); };
  const cells = [], panes = [];
  const grid = h("div.comparegrid", { tabIndex: 0, role: "group", "aria-label": t("compareKeys") });
  const saveButton = h("button.primary", { type: "button", disabled: true }, icon("save"), t("saveSheet"));
  const printButton = h("button.soft.print", { type: "button", disabled: true, onclick: () => print() }, icon("print"), t("print"));
  let zoom = null;
  const zooms = [["zoomIn", "plus", () => zoom.by(1.5)], ["zoomOut", "minus", () => zoom.by(1 / 1.5)], ["zoomFit", "fit", () => zoom.reset()]]
    .map(([key, sign, act]) => h("button.round", { type: "button", "aria-label": t(key), title: t(key), onclick: act }, icon(sign)));
  const lay = new ResizeObserver(() => {
    const least = grid.clientWidth > 700 ? LEAST_WIDE_PX : LEAST_PX;
    const heightOf = (cell) => (cell - BORDERS_PX) / ratio + CAPTION_PX;
    grid.style.setProperty("--columns", columnsFor(grid.childElementCount, grid.clientWidth, least, innerHeight - AROUND_PX, heightOf));
    zoom?.settle();
  });
  const box = dialog(t("compareTitle"), t("close"), h("div.comparebody", {}, grid, h("div.buttons.comparebar", {}, saveButton, printButton, h("div.zooms", {}, zooms))),
    () => { abort.abort(); lay.disconnect(); urls.forEach((url) => URL.revokeObjectURL(url)); });
  box.classList.add("whole");

  const ratio = picture.crop ? 1 : picture.width / picture.height;
  const figure = (title, text, action) => {
    const pane = h("div.pane", {}, h("img", { alt: "", draggable: false }));
    pane.style.setProperty("--ratio", ratio);
    panes.push(pane);
    const element = h("figure.comparecell.pending", {}, pane, h("figcaption", {}, h("strong", {}, title), h("span.tag", {}, text), action));
    grid.append(element);
    return (blob) => {
      pane.firstChild.src = shown(blob);
      pane.firstChild.alt = `${title}, ${text}`;
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
    zoom = zoomAll(panes);
    lay.observe(grid);
    grid.addEventListener("keydown", (event) => {
      const moves = { ArrowLeft: [PAN_PX, 0], ArrowRight: [-PAN_PX, 0], ArrowUp: [0, PAN_PX], ArrowDown: [0, -PAN_PX] };
      if (event.ctrlKey || event.metaKey || event.altKey) return;
      if (event.key === "+" || event.key === "=") zoom.by(1.25);
      else if (event.key === "-") zoom.by(1 / 1.25);
      else if (event.key === "0") zoom.reset();
      else if (event.key in moves && zoom.zoomed) zoom.move(...moves[event.key]);
      else return;
      event.preventDefault();
    });
    for (const [index, style] of state.styles.entries()) {
      fill[index](await api.convert(source, { ...state.look, style: style.name, blend: "" }, { maxSide: CELL_PX, signal }));
    }
    saveButton.disabled = printButton.disabled = false;
    const columns = Math.min(cells.length, ratio > 1.2 ? 2 : 3);
    saveButton.addEventListener("click", async () => download(await sheet(cells, columns), paintingName(picture, "png").replace(".kaiga.", ".styles.")));
  } catch (error) {
    if (signal.aborted) return;
    grid.append(h("p.notice", { role: "alert" }, `${words(error).title}. ${words(error).advice}`));
    toast(words(error).title, "alert");
  }
}

export function startCompare() {
  byId("compare").addEventListener("click", openCompare);
}
