// A small key-value store that outlives the page (IndexedDB), for pictures and paintings. Where the browser has none or
// gives no room, everything works but is forgotten with the tab.

const NAME = "kaiga", VERSION = 1;
const stores = ["pictures", "paintings"];

const asked = (request) => new Promise((resolve, reject) => {
  request.onsuccess = () => resolve(request.result);
  request.onerror = () => reject(request.error);
});

let opened = null;

function database() {
  opened ??= new Promise((resolve, reject) => {
    const request = indexedDB.open(NAME, VERSION);
    request.onupgradeneeded = () => stores.forEach((store) => request.result.createObjectStore(store, { keyPath: "id" }));
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  return opened;
}

async function act(store, mode, what) {
  try {
    return await what((await database()).transaction(store, mode).objectStore(store));
  } catch {
    return undefined;
  }
}

/** Keeps a value under its `id`. */
export const put = (store, value) => act(store, "readwrite", (place) => asked(place.put(value)));
export const drop = (store, id) => act(store, "readwrite", (place) => asked(place.delete(id)));
/** All values of a store, none where nothing is kept. */
export const all = async (store) => (await act(store, "readonly", (place) => asked(place.getAll()))) ?? [];
