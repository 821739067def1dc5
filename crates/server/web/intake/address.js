// A picture by its address: fetched by this browser, where the other site lets pages do that.

import { Problem } from "../api.js";

/** The address of a picture in a text that was pasted or dropped, or null. */
export function addressIn(text) {
  const line = text?.split("\n").map((each) => each.trim()).find((each) => each && !each.startsWith("#"));
  return /^(https?:\/\/\S+|data:image\/\S+)$/i.test(line ?? "") ? line : null;
}

/** The picture there, as a File. Rejects with a Problem "address" if the other site does not hand it out, "not-a-picture" if it is none. */
export async function fetched(address) {
  const answer = await fetch(address, { credentials: "omit", referrerPolicy: "no-referrer" }).catch(() => null);
  if (!answer?.ok) throw new Problem("address", { detail: answer ? `HTTP ${answer.status}` : "" });
  const blob = await answer.blob();
  if (!blob.type.startsWith("image/")) throw new Problem("not-a-picture", { detail: blob.type });
  const path = address.startsWith("data:") ? "" : decodeURIComponent(new URL(address).pathname.split("/").pop());
  return new File([blob], path || `photo.${blob.type.slice(6).replace(/\W.*/, "")}`, { type: blob.type });
}
