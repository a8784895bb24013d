const EXTENSION = 0x21;
const IMAGE = 0x2c;

/**
 * Size of a GIF picture: that of its screen, or of its first image where that is
 * larger, which a decoder allocates before it looks at the screen.
 */
export function gifSize(bytes: Uint8Array): { width: number; height: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const size = {
    width: view.getUint16(6, true),
    height: view.getUint16(8, true),
  };
  let at = 13 + colourBytes(bytes[10]!);
  while (bytes[at] === EXTENSION) {
    at += 2;
    // Blocks with their lengths in front; one of none ends them.
    while (bytes[at]) at += 1 + bytes[at]!;
    at++;
  }
  if (bytes[at] !== IMAGE || at + 9 > bytes.length) return size;
  return {
    width: Math.max(size.width, view.getUint16(at + 5, true)),
    height: Math.max(size.height, view.getUint16(at + 7, true)),
  };
}

/** Length of the table of colours that belongs to these flags. */
function colourBytes(flags: number): number {
  return flags & 0x80 ? 3 * 2 ** ((flags & 7) + 1) : 0;
}
