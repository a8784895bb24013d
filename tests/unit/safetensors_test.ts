import { deepStrictEqual, ok, rejects, strictEqual, throws } from "node:assert";
import fc from "fast-check";
import { ConfigError, realEnv } from "../../src/env/mod.ts";
import {
  DTYPE_BYTES,
  float32Tensor,
  readSafetensors,
  readSafetensorsShapes,
  toFloat32,
  writeSafetensors,
} from "../../src/run/mod.ts";

function fixture(name: string) {
  return readSafetensors(
    Deno.readFileSync(`tests/fixtures/${name}.safetensors`),
    name,
  );
}

/** A file with the given header text; its length field can lie. */
function file(header: string, body = 0, length?: bigint): Uint8Array {
  const head = new TextEncoder().encode(header);
  const bytes = new Uint8Array(8 + head.length + body);
  new DataView(bytes.buffer).setBigUint64(
    0,
    length ?? BigInt(head.length),
    true,
  );
  bytes.set(head, 8);
  return bytes;
}

Deno.test("readSafetensors() reads every type of the dtypes fixture", () => {
  const { tensors } = fixture("dtypes");
  const expected = fixture("dtypes.expected").tensors;
  const types = new Set([...tensors.values()].map(({ dtype }) => dtype));
  deepStrictEqual(
    [...types].sort(),
    ["BF16", "BOOL", "F16", "F32", "F64", "I32", "I64", "U8"],
  );
  ok([...tensors.values()].some(({ shape }) => shape.length === 0));
  ok([...tensors.values()].some(({ shape }) => shape.includes(0)));
  ok(expected.size > 0);
  for (const [name, tensor] of expected) {
    deepStrictEqual(toFloat32(tensors.get(name)!), toFloat32(tensor), name);
  }
});

Deno.test("writeSafetensors() gives back every fixture", () => {
  for (const { name } of Deno.readDirSync("tests/fixtures")) {
    if (!name.endsWith(".safetensors")) continue;
    const bytes = Deno.readFileSync(`tests/fixtures/${name}`);
    const { tensors, metadata } = readSafetensors(bytes, name);
    const again = readSafetensors(writeSafetensors(tensors, metadata), name);
    deepStrictEqual(again.metadata, metadata, name);
    strictEqual(again.tensors.size, tensors.size, name);
    for (const [key, tensor] of tensors) {
      deepStrictEqual(again.tensors.get(key), tensor, `${name} ${key}`);
    }
  }
});

Deno.test("toFloat32() widens special values and unaligned views", () => {
  const halves = new Uint8Array([0, 0x7c, 0, 0xfc, 1, 0, 0, 0xc0]);
  deepStrictEqual(
    [...toFloat32({ dtype: "F16", shape: [4], data: halves })],
    [Infinity, -Infinity, 2 ** -24, -2],
  );
  const brain = new Uint8Array([9, 0x80, 0x3f, 0xc0, 0x7f, 1, 0]).subarray(1);
  deepStrictEqual(
    [...toFloat32({ dtype: "BF16", shape: [3], data: brain })],
    [1, NaN, 2 ** -133],
  );
  const odd = new Uint8Array(9).subarray(1);
  new DataView(odd.buffer).setFloat32(1, 0.1, true);
  strictEqual(
    toFloat32({ dtype: "F32", shape: [2], data: odd })[0],
    Math.fround(0.1),
  );
  throws(
    () => toFloat32({ dtype: "F8_E4M3", shape: [1], data: odd.subarray(7) }),
    ConfigError,
  );
});

Deno.test("writeSafetensors() and readSafetensors() are inverse", () => {
  const dtypes = Object.keys(DTYPE_BYTES) as (keyof typeof DTYPE_BYTES)[];
  const tensor = fc.record({
    dtype: fc.constantFrom(...dtypes),
    shape: fc.array(fc.nat(4), { maxLength: 4 }),
  }).map(({ dtype, shape }) => {
    const size = DTYPE_BYTES[dtype] * shape.reduce((a, b) => a * b, 1);
    const data = Uint8Array.from({ length: size }, (_, i) => i * 37);
    return { dtype, shape, data };
  });
  const names = fc.string({ unit: "grapheme" }).filter((name) =>
    name !== "__proto__" && name !== "__metadata__"
  );
  fc.assert(
    fc.property(
      fc.array(fc.tuple(names, tensor), { maxLength: 6 }),
      fc.dictionary(names, fc.string(), { maxKeys: 3 }),
      (entries, metadata) => {
        const tensors = new Map(entries);
        const bytes = writeSafetensors(tensors, metadata);
        const read = readSafetensors(bytes);
        deepStrictEqual({ ...read.metadata }, { ...metadata });
        strictEqual(read.tensors.size, tensors.size);
        for (const [name, value] of tensors) {
          deepStrictEqual(read.tensors.get(name), value);
        }
      },
    ),
    { numRuns: 200, seed: 1 },
  );
});

Deno.test("writeSafetensors() refuses tensors whose bytes do not fit", () => {
  const tensor = float32Tensor([2], new Float32Array(3));
  throws(
    () => writeSafetensors(new Map([["a", tensor]])),
    /a \[2\]: 12 bytes of F32, expected 8/,
  );
});

const entry = (offsets: string, rest = '"dtype":"U8","shape":[4]') =>
  `{${rest},"data_offsets":${offsets}}`;

const HOSTILE: [string, Uint8Array, RegExp][] = [
  ["an empty file", new Uint8Array(0), /0 bytes are no header length/],
  ["a header longer than the file", file("{}", 0, 3n), /claims 3 bytes/],
  ["a header of 2^63 bytes", file("{}", 0, 1n << 63n), /claims 9223/],
  ["a header above the limit", file("{}", 0, 100_000_001n), /claims 1000/],
  ["a list as header", file("[]"), /header: no object/],
  ["no JSON", file("{x}"), /header is not JSON/],
  ["bytes that are no UTF-8", file("{}").fill(0xff, 8), /not UTF-8/],
  ["deep nesting", file('{"a":' + "[".repeat(1e5)), /nested more than 3/],
  [
    "two tensors of one name",
    file(`{"a":${entry("[0,4]")},"\\u0061":${entry("[0,4]")}}`, 4),
    /occurs twice/,
  ],
  [
    "two shapes",
    file(
      `{"a":${entry("[0,4]", '"dtype":"U8","shape":[4],"shape":[0]')}}`,
      4,
    ),
    /"shape" occurs twice/,
  ],
  ["__proto__", file(`{"__proto__":${entry("[0,4]")}}`, 4), /__proto__/],
  ["no tensor object", file('{"a":3}'), /tensor a is no object/],
  [
    "an unknown key",
    file(`{"a":${entry("[0,4]", '"x":1,"dtype":"U8","shape":[4]')}}`, 4),
    /unknown key x/,
  ],
  [
    "an unknown dtype",
    file(`{"a":${entry("[0,4]", '"dtype":"toString","shape":[4]')}}`, 4),
    /dtype "toString"/,
  ],
  [
    "a negative size",
    file(`{"a":${entry("[0,4]", '"dtype":"U8","shape":[-4]')}}`, 4),
    /shape \[-4\]/,
  ],
  [
    "a fraction as size",
    file(`{"a":${entry("[0,4]", '"dtype":"U8","shape":[0.5]')}}`, 4),
    /shape \[0.5\]/,
  ],
  [
    "a size that overflows",
    file(
      `{"a":${
        entry(
          "[0,4]",
          '"dtype":"F64","shape":[9007199254740991,9007199254740991]',
        )
      }}`,
      4,
    ),
    /needs .* bytes/,
  ],
  [
    "a product that wraps to the right size",
    file(
      `{"a":${entry("[0,4]", '"dtype":"U8","shape":[4294967296,4294967296]')}}`,
      4,
    ),
    /needs 18446744073709552000 bytes/,
  ],
  [
    "a shape of many dimensions",
    file(
      `{"a":${entry("[0,4]", `"dtype":"U8","shape":[${"1,".repeat(40)}4]`)}}`,
      4,
    ),
    /has shape/,
  ],
  [
    "offsets that end early",
    file(`{"a":${entry("[0,3]")}}`, 4),
    /needs 4 bytes, its offsets hold 3/,
  ],
  ["offsets backwards", file(`{"a":${entry("[4,0]")}}`, 4), /hold -4/],
  ["negative offsets", file(`{"a":${entry("[-4,0]")}}`, 4), /offsets \[-4,0\]/],
  [
    "offsets beyond the file",
    file(`{"a":${entry("[0,4]")}}`, 3),
    /end at 4, but the data has 3/,
  ],
  ["bytes after the last tensor", file(`{"a":${entry("[0,4]")}}`, 5), /has 5/],
  [
    "overlap",
    file(`{"a":${entry("[0,4]")},"b":${entry("[2,6]")}}`, 6),
    /tensor b begins at 2, expected 4: tensors overlap/,
  ],
  [
    "a hole",
    file(`{"a":${entry("[0,4]")},"b":${entry("[5,9]")}}`, 9),
    /tensor b begins at 5, expected 4: there is a gap/,
  ],
  [
    "an empty tensor outside",
    file(`{"a":${entry("[9,9]", '"dtype":"U8","shape":[0]')}}`),
    /begins at 9, expected 0/,
  ],
  [
    "metadata that is no text",
    file('{"__metadata__":{"a":1}}'),
    /__metadata__ must map/,
  ],
  [
    "70 000 tensors",
    file(
      `{${
        Array.from(
          { length: 70_000 },
          (_, i) => `"${i}":${entry("[0,0]", '"dtype":"U8","shape":[0]')}`,
        ).join(",")
      }}`,
    ),
    /70000 tensors, more than 65536/,
  ],
];

for (const [name, bytes, reason] of HOSTILE) {
  Deno.test(`readSafetensors() refuses ${name}, as its header alone does`, async () => {
    const refused = (path: string) => (error: unknown) => {
      ok(error instanceof ConfigError, String(error));
      ok(error.message.startsWith(`Cannot read ${path}: `), error.message);
      ok(reason.test(error.message), error.message);
      return true;
    };
    throws(() => readSafetensors(bytes, "x"), refused("x"));
    const path = await Deno.makeTempFile({ prefix: "signet-" });
    try {
      await Deno.writeFile(path, bytes);
      await rejects(readSafetensorsShapes(realEnv.disk, path), refused(path));
    } finally {
      await Deno.remove(path);
    }
  });
}

Deno.test("readSafetensors() throws nothing but ConfigError on damaged files", () => {
  const original = Deno.readFileSync("tests/fixtures/dtypes.safetensors");
  const header = Number(
    new DataView(original.buffer).getBigUint64(0, true),
  );
  let refused = 0;
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(header + 7), fc.nat(255)), {
        minLength: 1,
        maxLength: 4,
      }),
      fc.nat(original.length),
      fc.boolean(),
      (changes, length, cut) => {
        const bytes = original.slice(0, cut ? length : undefined);
        for (const [at, value] of changes) bytes[at % bytes.length] = value;
        try {
          readSafetensors(bytes);
        } catch (error) {
          ok(error instanceof ConfigError, String(error));
          refused++;
        }
      },
    ),
    { numRuns: 1000, seed: 1 },
  );
  ok(refused > 100);
});
