import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import {
  decodePicture,
  type Picture,
  PictureError,
} from "../../src/data/mod.ts";

import { join } from "../helpers/mod.ts";

const ODD = "tests/fixtures/data/imagefolder/odd";

async function load(name: string): Promise<Picture> {
  return await decodePicture(await Deno.readFile(`${ODD}/${name}`));
}

/** Mean absolute difference of two pictures of one size. */
function difference(a: Picture, b: Picture): number {
  deepStrictEqual([a.width, a.height], [b.width, b.height]);
  return a.pixels.reduce(
    (sum, value, i) => sum + Math.abs(value - b.pixels[i]!),
    0,
  ) / a.pixels.length;
}

const BAD: Record<string, RegExp> = {
  "bad_crc.png": /checksum/,
  "bad_empty.png": /empty/,
  "bad_header_only.png": /ends before/,
  "bad_huge_claim.png": /claims 60000x60000/,
  "bad_text_named.jpg": /no PNG, JPEG/,
  "bad_truncated.jpg": /ends before its end marker/,
  "bad_truncated.png": /ends inside/,
};

Deno.test("decodePicture() gives a reason for every damaged file", async () => {
  const names = [...Deno.readDirSync(ODD)].map(({ name }) => name)
    .filter((name) => name.startsWith("bad_")).sort();
  deepStrictEqual(names, Object.keys(BAD));
  for (const name of names) {
    await rejects(load(name), (error) => {
      ok(error instanceof PictureError, `${name}: ${error}`);
      ok(BAD[name]!.test(error.message), `${name}: ${error.message}`);
      return true;
    });
  }
});

Deno.test("decodePicture() decodes every odd but valid file to three channels", async () => {
  const names = [...Deno.readDirSync(ODD)].map(({ name }) => name)
    .filter((name) => name.startsWith("ok_"));
  strictEqual(names.length, 16);
  for (const name of names) {
    const { width, height, channels, pixels } = await load(name);
    strictEqual(channels, 3);
    strictEqual(pixels.length, 3 * width * height);
  }
});

Deno.test("decodePicture() sees the same picture in every encoding", async () => {
  const picture = await load("ok_png_named.jpg");
  const limits: Record<string, number> = {
    "ok_rgb16.png": 0,
    "unsupported.bmp": 0,
    "unsupported.gif": 1,
    "ok_cmyk.jpg": 2,
    "ok_palette.png": 4,
    "ok_jpeg_named.png": 4,
    "ok_progressive.jpg": 4,
  };
  for (const [name, limit] of Object.entries(limits)) {
    const mean = difference(await load(name), picture);
    ok(mean <= limit, `${name} differs by ${mean}`);
  }
});

Deno.test("decodePicture() scales 16-bit gray and repeats gray in all channels", async () => {
  const gray = await load("ok_gray8.png");
  strictEqual(difference(await load("ok_gray16.png"), gray), 0);
  ok(difference(await load("ok_gray.jpg"), gray) < 3);
  for (const name of ["ok_gray8.png", "ok_gray.jpg"]) {
    const { pixels, width, height } = await load(name);
    const plane = width * height;
    deepStrictEqual(
      pixels.subarray(0, plane),
      pixels.subarray(plane, 2 * plane),
    );
    deepStrictEqual(pixels.subarray(0, plane), pixels.subarray(2 * plane));
  }
  const bilevel = await load("ok_bilevel1.png");
  deepStrictEqual([...new Set(bilevel.pixels)].sort((a, b) => a - b), [0, 255]);
});

Deno.test("decodePicture() blends alpha on white", async () => {
  for (
    const [name, opaque] of [
      ["ok_rgba.png", "ok_png_named.jpg"],
      ["ok_gray_alpha.png", "ok_gray8.png"],
    ] as const
  ) {
    const blended = await load(name);
    const full = await load(opaque);
    // Alpha rises from 0 on the left: white there, nearly opaque on the right.
    for (let y = 0; y < 48; y++) {
      strictEqual(blended.pixels[y * 48], 255);
      const right = y * 48 + 47;
      const alpha = 235;
      const value = 255 + (full.pixels[right]! - 255) * alpha / 255;
      ok(Math.abs(blended.pixels[right]! - value) <= 6);
    }
  }
});

Deno.test("decodePicture() turns a picture as its EXIF orientation says", async () => {
  const turned = await load("ok_exif_rot6.jpg");
  deepStrictEqual([turned.width, turned.height], [64, 40]);
  ok(difference(turned, await load("ok_exif_reference.jpg")) < 2);
});

Deno.test("decodePicture() refuses a JPEG of claimed huge size without decoding", async () => {
  const bytes = await Deno.readFile(`${ODD}/ok_gray.jpg`);
  const frame = bytes.findIndex((byte, i) =>
    byte === 0xff && bytes[i + 1] === 0xc0
  );
  bytes.fill(0xff, frame + 5, frame + 9);
  await rejects(decodePicture(bytes), /claims 65535x65535/);
});

Deno.test("decodePicture() refuses a cut JPEG that holds a whole thumbnail", async () => {
  const whole = await Deno.readFile(`${ODD}/ok_gray.jpg`);
  const thumbnail = join(Uint8Array.of(0xff, 0xe1, 0, 0), whole);
  thumbnail.set([whole.length + 2 >> 8, whole.length + 2 & 255], 2);
  const holding = join(whole.subarray(0, 2), thumbnail, whole.subarray(2));
  strictEqual((await decodePicture(new Uint8Array(holding))).width, 48);
  await rejects(
    decodePicture(new Uint8Array(holding.subarray(0, holding.length - 20))),
    /ends before its end marker/,
  );
});

/** A BMP of 2x2 pixels with 24 bits; a header of 12 bytes is that of OS/2. */
function bitmapFile(headerBytes: 12 | 40): Uint8Array<ArrayBuffer> {
  const start = 14 + headerBytes;
  const bytes = new Uint8Array(start + 16);
  const view = new DataView(bytes.buffer);
  bytes.set([0x42, 0x4d]);
  view.setUint32(2, bytes.length, true);
  view.setUint32(10, start, true);
  view.setUint32(14, headerBytes, true);
  const numbers = [2, 2, 1, 24];
  if (headerBytes === 12) {
    numbers.forEach((value, i) => view.setUint16(18 + 2 * i, value, true));
  } else {
    view.setUint32(18, 2, true);
    view.setUint32(22, 2, true);
    view.setUint16(26, 1, true);
    view.setUint16(28, 24, true);
  }
  for (let i = 0; i < 16; i++) bytes[start + i] = 10 * i;
  return bytes;
}

Deno.test("decodePicture() reads BMP files with the short header of OS/2", async () => {
  const long = await decodePicture(bitmapFile(40));
  deepStrictEqual(long.pixels.subarray(0, 4), Uint8Array.of(100, 130, 20, 50));
  deepStrictEqual(await decodePicture(bitmapFile(12)), long);
});

Deno.test("decodePicture() refuses a GIF whose first image is huge, whatever its screen is", async () => {
  const claim = (...before: number[]) =>
    new Uint8Array([
      ...new TextEncoder().encode("GIF89a"),
      ...[10, 0, 10, 0, 0x80, 0, 0, 0, 0, 0, 255, 255, 255],
      ...before,
      ...[0x2c, 0, 0, 0, 0, 255, 255, 255, 255, 0, 2, 2, 0x4c, 1, 0, 0x3b],
    ]);
  const comment = [0x21, 0xfe, 2, 0x2c, 0x2c, 1, 0x2c, 0];
  for (const file of [claim(), claim(...comment)]) {
    await rejects(decodePicture(file), {
      name: "PictureError",
      message: /claims 65535x65535/,
    });
  }
  const cut = claim(0x21, 0xfe, 255, 1);
  await rejects(decodePicture(cut), { name: "PictureError" });
});
