import { deepStrictEqual, throws } from "node:assert";
import {
  decodeChunk,
  encodeChunk,
} from "../../src/phases/teacher_cache_file.ts";

const PLACE = { key: "ab".repeat(32), chunk: 3, rows: 2, width: 3 };
const VALUES = new Float32Array([1, -2, 3.5, 0, 1e-30, -0]);

Deno.test("decodeChunk() gives what encodeChunk() got, also from the middle of memory", () => {
  const bytes = encodeChunk(PLACE, VALUES);
  deepStrictEqual(decodeChunk(bytes, PLACE), VALUES);
  const shifted = new Uint8Array(bytes.length + 4);
  shifted.set(bytes, 4);
  deepStrictEqual(decodeChunk(shifted.subarray(4), PLACE), VALUES);
});

Deno.test("decodeChunk() refuses a file with any byte changed or missing", () => {
  const bytes = encodeChunk(PLACE, VALUES);
  // Bytes 60 to 63 are padding that nothing reads.
  const read = [...bytes.keys()].filter((i) => i < 60 || i >= 64);
  for (const i of read) {
    const damaged = bytes.slice();
    damaged[i]! ^= 0x10;
    throws(() => decodeChunk(damaged, PLACE), { name: "CacheFileError" });
  }
  for (const length of [0, 63, bytes.length - 1]) {
    throws(() => decodeChunk(bytes.slice(0, length), PLACE), /bytes instead/);
  }
});

Deno.test("decodeChunk() refuses whole files of another teacher, chunk or shape", () => {
  const file = (change: Partial<typeof PLACE>, values = VALUES) =>
    encodeChunk({ ...PLACE, ...change }, values);
  for (
    const [bytes, reason] of [
      [file({ key: "cd".repeat(32) }), /another teacher or data set/],
      [file({ chunk: 4 }), /chunk is 4 instead of 3/],
      [file({ rows: 3, width: 2 }), /rows is 3 instead of 2/],
    ] as const
  ) throws(() => decodeChunk(bytes, PLACE), reason);
});
