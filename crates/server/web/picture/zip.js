// A zip file of files that are compressed already: entries are stored as they are (APPNOTE.TXT 6.3, method 0), so that
// the archive is headers around the very Blobs and never lies in memory as a whole.

const crcTable = Uint32Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let bit = 0; bit < 8; bit++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});

/** CRC-32 (IEEE 802.3) of bytes. */
export function crc32(bytes) {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 255] ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}

// Little-endian fields, [bytes, value] each.
function fields(...list) {
  const view = new DataView(new ArrayBuffer(list.reduce((sum, [size]) => sum + size, 0)));
  let at = 0;
  for (const [size, value] of list) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  return view.buffer;
}

// MS-DOS time: two-second steps, years from 1980.
const dosTime = (date) => (date.getHours() << 11) | (date.getMinutes() << 5) | (date.getSeconds() >> 1);
const dosDate = (date) => ((date.getFullYear() - 1980) << 9) | ((date.getMonth() + 1) << 5) | date.getDate();

const UTF8_NAMES = 0x0800;

/** `entries` are {name, blob}; names have to differ. At most 65,535 files and 4 GB. */
export async function zip(entries, now = new Date()) {
  const parts = [], directory = [];
  let offset = 0, directorySize = 0;
  for (const { name, blob } of entries) {
    const nameBytes = new TextEncoder().encode(name);
    const crc = crc32(new Uint8Array(await blob.arrayBuffer()));
    const common = [[2, 20], [2, UTF8_NAMES], [2, 0], [2, dosTime(now)], [2, dosDate(now)], [4, crc], [4, blob.size], [4, blob.size],
      [2, nameBytes.length], [2, 0]];
    const local = fields([4, 0x04034b50], ...common);
    const central = fields([4, 0x02014b50], [2, 20], ...common, [2, 0], [2, 0], [2, 0], [4, 0], [4, offset]);
    parts.push(local, nameBytes, blob);
    directory.push(central, nameBytes);
    offset += local.byteLength + nameBytes.length + blob.size;
    directorySize += central.byteLength + nameBytes.length;
  }
  if (offset + directorySize > 0xffffffff || entries.length > 0xffff) throw new Error("more than a zip file of this kind holds");
  const end = fields([4, 0x06054b50], [2, 0], [2, 0], [2, entries.length], [2, entries.length], [4, directorySize], [4, offset], [2, 0]);
  return new Blob([...parts, ...directory, end], { type: "application/zip" });
}

/** The names made different: a.png, a-2.png, … */
export function distinct(names) {
  const taken = new Set();
  return names.map((name) => {
    let free = name;
    for (let number = 2; taken.has(free); number++) free = name.replace(/(\.\w+)?$/, `-${number}$1`);
    taken.add(free);
    return free;
  });
}
