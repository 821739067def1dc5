// The service worker: keeps the page's shell so that it opens without a network, and takes pictures shared by other apps.
// It never keeps a picture of the user's beyond handing it over: /api goes to the network untouched.

// The server puts the versioned path of the assets here.
const root = "__ASSETS__";
const shell = `shell ${root}`;
const shared = "shared";
const pages = ["/", "/manifest.webmanifest", "/icon.svg", `${root}/app.js`, `${root}/page.css`];

addEventListener("install", (event) => {
  event.waitUntil(caches.open(shell).then((cache) => cache.addAll(pages)).then(() => skipWaiting()));
});

addEventListener("activate", (event) => {
  event.waitUntil((async () => {
    for (const name of await caches.keys()) if (name !== shell && name !== shared) await caches.delete(name);
    await clients.claim();
  })());
});

// What a page has loaded of its files, of the pictures in the size for its screen, is kept as well; they lie in the browser's cache.
addEventListener("message", ({ data }) => {
  if (Array.isArray(data?.keep)) caches.open(shell).then((cache) => cache.addAll(data.keep.filter((name) => new URL(name).pathname.startsWith(`${root}/`))));
});

addEventListener("fetch", (event) => {
  const url = new URL(event.request.url);
  if (url.origin !== location.origin) return;
  if (event.request.method === "POST" && url.pathname === "/share") return event.respondWith(receive(event.request));
  if (event.request.method !== "GET" || url.pathname.startsWith("/api/")) return;
  if (url.pathname.startsWith("/assets/")) {
    // While the page is being designed (--web-dir) its version stays "dev" and what is kept may be old.
    return event.respondWith(root === "/assets/dev" ? networkFirst(event.request) : keptFirst(event.request));
  }
  if (event.request.mode === "navigate" || pages.includes(url.pathname)) event.respondWith(networkFirst(event.request));
});

// Assets carry their version in the path: what is kept is right forever.
async function keptFirst(request) {
  const kept = await caches.match(request);
  if (kept) return kept;
  const answer = await fetch(request);
  if (answer.ok) (await caches.open(shell)).put(request, answer.clone());
  return answer;
}

// The page itself is asked for anew, so that an update of the server is seen at once.
async function networkFirst(request) {
  try {
    return await fetch(request);
  } catch (gone) {
    const kept = await caches.match(request.mode === "navigate" ? "/" : request);
    if (kept) return kept;
    throw gone;
  }
}

// A picture shared from another app lies in a cache until the page takes it out (intake.js), a moment later.
async function receive(request) {
  const form = await request.formData();
  const cache = await caches.open(shared);
  let number = 0;
  for (const file of form.getAll("photos")) {
    if (!(file instanceof File)) continue;
    const headers = { "Content-Type": file.type, "X-Name": encodeURIComponent(file.name) };
    await cache.put(`/shared/${Date.now()}-${number++}`, new Response(file, { headers }));
  }
  return Response.redirect("/#shared", 303);
}
