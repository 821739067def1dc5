// What a file of bytes is: {type, width, height, broken}, or null for no picture. Headers only (JPEG, PNG, WebP).

/** Looks at the first bytes and the last. */
export function inspect(bytes) {
  if (bytes.length > 24 && bytes.readUInt32BE(0) === 0x89504e47) {
    return { type: "image/png", width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20), broken: !bytes.subarray(-12).includes("IEND") };
  }
  if (bytes[0] === 0xff && bytes[1] === 0xd8) return { type: "image/jpeg", ...jpeg(bytes), broken: !bytes.subarray(-64).includes(Buffer.from([0xff, 0xd9])) };
  if (bytes.subarray(0, 4).equals(Buffer.from("RIFF")) && bytes.subarray(8, 12).equals(Buffer.from("WEBP"))) {
    return { type: "image/webp", ...webp(bytes), broken: bytes.readUInt32LE(4) + 8 > bytes.length };
  }
  return null;
}

// The first frame header (SOF0 to SOF15 but DHT, JPG, DAC) holds the size.
function jpeg(bytes) {
  for (let at = 2; at + 9 < bytes.length; at += 2 + bytes.readUInt16BE(at + 2)) {
    const marker = bytes[at + 1];
    if (marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker)) return { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) };
  }
  return { width: 1, height: 1 };
}

function webp(bytes) {
  const chunk = bytes.toString("latin1", 12, 16);
  if (chunk === "VP8 ") return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff };
  if (chunk === "VP8L") {
    const bits = bytes.readUInt32LE(21);
    return { width: (bits & 0x3fff) + 1, height: ((bits >> 14) & 0x3fff) + 1 };
  }
  return { width: bytes.readUIntLE(24, 3) + 1, height: bytes.readUIntLE(27, 3) + 1 };
}
