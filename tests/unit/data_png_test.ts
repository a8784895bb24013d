import { deepStrictEqual, strictEqual, throws } from "node:assert";
import fc from "fast-check";
import { orientationOf, turnUpright } from "../../src/data/orientation.ts";
import { decodePng } from "../../src/data/png.ts";
import { readPng } from "../../src/data/png_chunks.ts";
import { PictureError } from "../../src/data/mod.ts";
import { decodePicture } from "../../src/data/decode_picture.ts";
import { plainPng, pngChunk, pngFile, uniform } from "../helpers/mod.ts";

function decode(bytes: Uint8Array): Uint8Array {
  return decodePng(readPng(bytes));
}

/** Samples a pixel by colour type. */
const SAMPLES: Record<number, number> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const PASSES = [
  [0, 0, 8, 8],
  [4, 0, 8, 8],
  [0, 4, 4, 8],
  [2, 0, 4, 4],
  [0, 2, 2, 4],
  [1, 0, 2, 2],
  [0, 1, 1, 2],
] as const;

interface Raw {
  width: number;
  height: number;
  depth: number;
  colour: number;
  interlace: number;
  /** `[height, width, samples]` at the picture's depth. */
  values: number[];
}

/** Packs samples into bytes, most significant bit first. */
function pack(samples: readonly number[], depth: number): Uint8Array {
  const bits = samples.map((s) => s.toString(2).padStart(depth, "0")).join("");
  return Uint8Array.from(
    { length: Math.ceil(bits.length / 8) },
    (_, i) => parseInt(bits.slice(8 * i, 8 * i + 8).padEnd(8, "0"), 2),
  );
}

/** Filters a row as the specification defines the five types. */
function filterRow(
  row: Uint8Array,
  { above, unit, type }: { above: Uint8Array; unit: number; type: number },
): number[] {
  return Array.from(row, (value, i) => {
    const a = row[i - unit] ?? 0;
    const b = above[i] ?? 0;
    const c = i >= unit ? above[i - unit] ?? 0 : 0;
    const p = a + b - c;
    const nearest = [a, b, c].reduce((best, x) =>
      Math.abs(p - x) < Math.abs(p - best) ? x : best
    );
    const guess = [0, a, b, (a + b) >> 1, nearest][type]!;
    return (value - guess) & 255;
  });
}

function encode(raw: Raw, before: Uint8Array[] = []): Uint8Array {
  const { width, height, depth, colour, interlace, values } = raw;
  const samples = SAMPLES[colour]!;
  const bytes: number[] = [];
  for (const [x0, y0, dx, dy] of interlace ? PASSES : [[0, 0, 1, 1]] as const) {
    let above = new Uint8Array();
    for (let y = y0; y < height && x0 < width; y += dy) {
      const line: number[] = [];
      for (let x = x0; x < width; x += dx) {
        const at = (y * width + x) * samples;
        line.push(...values.slice(at, at + samples));
      }
      const row = pack(line, depth);
      const type = (y + x0) % 5;
      const unit = Math.max(1, depth * samples / 8);
      bytes.push(type, ...filterRow(row, { above, unit, type }));
      above = row.slice();
    }
  }
  return pngFile({
    width,
    height,
    depth,
    colour,
    interlace,
    rows: Uint8Array.from(bytes),
    before,
  });
}

/** What the picture shows as `[height, width, 3]`, alpha over white. */
function expected({ width, height, depth, colour, values }: Raw): number[] {
  const top = 2 ** depth - 1;
  const samples = SAMPLES[colour]!;
  return Array.from({ length: width * height }, (_, i) => {
    const pixel = values.slice(i * samples, (i + 1) * samples)
      .map((value) => Math.round(value * 255 / top));
    const rgb = samples < 3 ? [pixel[0]!, pixel[0]!, pixel[0]!] : pixel;
    const alpha = samples % 2 === 0 ? pixel.at(-1)! : 255;
    return rgb.slice(0, 3).map((value) =>
      Math.round(255 + (value - 255) * alpha / 255)
    );
  }).flat();
}

const FORMS = [
  [0, 1],
  [0, 2],
  [0, 4],
  [0, 8],
  [0, 16],
  [2, 8],
  [2, 16],
  [4, 8],
  [4, 16],
  [6, 8],
  [6, 16],
] as const;

Deno.test("decodePng() decodes every colour type, depth, filter and interlacing", () => {
  for (const [colour, depth] of FORMS) {
    for (const [width, height] of [[1, 1], [3, 7], [9, 6], [17, 12]] as const) {
      for (const interlace of [0, 1]) {
        const next = uniform(width * 100 + depth + colour);
        const values = Array.from(
          { length: width * height * SAMPLES[colour]! },
          () => Math.floor(next() * 2 ** depth),
        );
        const raw = { width, height, depth, colour, interlace, values };
        deepStrictEqual(
          Array.from(decode(encode(raw))),
          expected(raw),
          `colour type ${colour}, ${depth} bits, ${width}x${height}, interlace ${interlace}`,
        );
      }
    }
  }
});

Deno.test("decodePng() looks up palette colours with their alpha", () => {
  const raw = {
    width: 3,
    height: 1,
    depth: 2,
    colour: 3,
    interlace: 0,
    values: [2, 0, 1],
  };
  const palette = pngChunk("PLTE", Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9));
  const alpha = pngChunk("tRNS", Uint8Array.of(255, 0));
  deepStrictEqual(
    [...decode(encode(raw, [palette, alpha]))],
    [7, 8, 9, 1, 2, 3, 255, 255, 255],
  );
  const bad = { ...raw, values: [3, 0, 0] };
  throws(() => decode(encode(bad, [palette])), /a pixel asks for number 3/);
});

Deno.test("decodePng() shows white where a pixel has the transparent colour", () => {
  const raw = {
    width: 2,
    height: 1,
    depth: 8,
    colour: 2,
    interlace: 0,
    values: [9, 8, 7, 9, 8, 6],
  };
  const key = pngChunk("tRNS", Uint8Array.of(0, 9, 0, 8, 0, 7));
  deepStrictEqual([...decode(encode(raw, [key]))], [255, 255, 255, 9, 8, 6]);
});

Deno.test("decodePicture() turns a PNG as its EXIF data says", async () => {
  const raw = {
    width: 3,
    height: 2,
    depth: 8,
    colour: 0,
    interlace: 0,
    values: [1, 2, 3, 4, 5, 6],
  };
  const upright = [
    "123 456",
    "321 654",
    "654 321",
    "456 123",
    "14 25 36",
    "41 52 63",
    "63 52 41",
    "36 25 14",
  ];
  for (const [i, rows] of upright.entries()) {
    // A directory with one entry, in both orders of bytes.
    for (
      const exif of [
        `4d4d002a00000008 0001 0112 0003 00000001 000${i + 1} 0000`,
        `49492a0008000000 0100 1201 0300 01000000 0${i + 1}00 0000`,
      ]
    ) {
      const bytes = Uint8Array.fromHex(exif.replaceAll(" ", ""));
      const chunk = pngChunk("eXIf", bytes);
      const { width, pixels } = await decodePicture(
        Uint8Array.from(encode(raw, [chunk])),
      );
      const found = Array.from(
        { length: 6 / width },
        (_, y) => pixels.slice(y * width, (y + 1) * width).join(""),
      );
      strictEqual(found.join(" "), rows);
    }
  }
});

Deno.test("orientationOf() takes any bytes", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
    const picture = { width: 1, height: 1, channels: 1, pixels: bytes };
    const { width } = turnUpright(picture, orientationOf(bytes));
    strictEqual(width, 1);
  }));
});

Deno.test("decodePng() refuses rows that unpack to another length", () => {
  const shape = { width: 4, height: 4, depth: 8, colour: 0 };
  const bomb = pngFile({ ...shape, rows: new Uint8Array(5_000_000) });
  throws(() => decode(bomb), PictureError);
  const short = pngFile({ ...shape, rows: new Uint8Array(19) });
  throws(() => decode(short), /unpacks to 19 bytes, expected 20/);
  const claim = pngFile({
    ...shape,
    width: 5000,
    height: 5000,
    rows: new Uint8Array(9),
  });
  throws(() => decode(claim), /too few for the 25005000/);
});

Deno.test("decodePng() decodes or throws PictureError when bytes are changed", () => {
  const file = plainPng(9, 5, [10, 200, 30]);
  fc.assert(
    fc.property(
      fc.array(
        fc.tuple(fc.nat(file.length - 1), fc.integer({ min: 0, max: 255 })),
        { minLength: 1, maxLength: 6 },
      ),
      fc.nat(file.length),
      (changes, length) => {
        const bytes = file.slice();
        for (const [at, value] of changes) bytes[at] = value;
        // Cut files as well as whole ones.
        const cut = length % 2 ? bytes.subarray(0, length) : bytes;
        try {
          decode(cut);
        } catch (error) {
          if (!(error instanceof PictureError)) throw error;
        }
      },
    ),
    { numRuns: 500 },
  );
});
