import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { Device } from "../../src/gpu/mod.ts";
import { packBlocks, packedGroups, unpackBlocks } from "../../src/ops/mod.ts";
import { type Blocks, packBlocksReference } from "../../src/reference/mod.ts";
import { uniform } from "../helpers/mod.ts";

/** Gradients of many sizes, with ties, zeros and the ends of the range of f32. */
function difficult(length: number, seed: number): Float32Array {
  const next = uniform(seed);
  const values = Float32Array.from(
    { length },
    () => (next() - 0.5) * 2 ** (next() * 20 - 10),
  );
  // Ties between two steps of a block whose largest value is 64.
  for (let i = 0; i < 32 && i < length; i++) values[i] = i - 15.5;
  if (length > 0) values[0] = 64;
  // A block of zeros, one with subnormals, the largest numbers.
  values.fill(0, 32, 64);
  values.fill(1e-40, 64, 96);
  values.fill(3.4e38, 96, 100);
  return values;
}

/** Packed words as the reference lists blocks. */
function read(words: Uint32Array): Pick<Blocks, "exponents" | "values"> {
  const exponents: number[] = [];
  const values: number[] = [];
  for (let group = 0; group < words.length / 33; group++) {
    const at = words.byteOffset + 132 * group;
    exponents.push(...new Uint8Array(words.buffer, at, 4));
    values.push(...new Int8Array(words.buffer, at + 4, 128));
  }
  return { exponents, values };
}

async function pack(options: {
  input: Float32Array;
  residual: Float32Array;
  scale: number;
}) {
  using device = await Device.open();
  const { input } = options;
  const groups = packedGroups(input.length);
  const tensor = device.tensor([input.length], input);
  const scale = device.tensor([1], new Float32Array([options.scale]));
  // The tensor begins with group 1; what lies around it stays.
  const untouched = new Uint32Array(33 * (groups + 2)).fill(7);
  const packed = device.tensor([untouched.length], untouched);
  const all = new Float32Array(128 * (groups + 2)).fill(0.125);
  all.set(options.residual, 128);
  const residual = device.tensor([all.length], all);
  const back = device.tensor([input.length]);
  device.run((program) => {
    packBlocks(program, { tensor, packed, first: 1, scale, residual });
    unpackBlocks(program, { tensor: back, packed, first: 1, scale });
  });
  const words = await device.readU32(packed);
  deepStrictEqual(words.slice(0, 33), untouched.slice(0, 33));
  deepStrictEqual(words.slice(-33), untouched.slice(-33));
  const missing = await device.read(residual);
  ok(missing.subarray(0, 128).every((value) => value === 0.125));
  ok(missing.subarray(-128).every((value) => value === 0.125));
  return {
    ...read(words.slice(33, -33)),
    residual: [...missing.subarray(128, -128)],
    decoded: [...await device.read(back)].slice(0, input.length),
  };
}

for (const length of [1, 31, 128, 129, 5000]) {
  for (const scale of [1, 1024]) {
    Deno.test(`packBlocks() has the bits of the f64 reference for ${length} values at scale ${scale}`, async () => {
      const input = difficult(length, length).map((value) => value * scale)
        .map((value) => Number.isFinite(value) ? value : 1);
      const next = uniform(5);
      const residual = Float32Array.from(
        { length: 128 * packedGroups(length) },
        (_, i) => i < length && (i < 32 || i >= 96) ? next() * 1e-3 : 0,
      );
      // Ties only come out where nothing is added.
      residual.fill(0, 0, 32);
      const expected = packBlocksReference(input, { residual, scale });
      const found = await pack({ input, residual, scale });
      deepStrictEqual(found.exponents, expected.exponents);
      deepStrictEqual(found.values, expected.values.map((value) => value + 0));
      found.residual.forEach((value, i) => {
        // Subnormals may be taken for 0.
        ok(Math.abs(value - expected.residual[i]!) < 1e-38, `${i}`);
      });
      found.decoded.forEach((value, i) => {
        strictEqual(value, Math.fround(expected.decoded[i]! * scale), `${i}`);
      });
    });
  }
}

Deno.test("packBlocks() marks blocks with a value that is not finite and keeps their residual", async () => {
  for (const bad of [NaN, Infinity, -Infinity]) {
    const input = difficult(256, 1);
    input[33] = bad;
    const residual = new Float32Array(256).fill(0.5);
    const found = await pack({ input, residual, scale: 1 });
    strictEqual(found.exponents[1], 255);
    ok(found.exponents.filter((exponent) => exponent === 255).length === 1);
    ok(found.decoded.slice(32, 64).every(Number.isNaN));
    ok(!found.decoded.slice(0, 32).some(Number.isNaN));
    deepStrictEqual(found.residual.slice(32, 64), Array(32).fill(0.5));
  }
});

Deno.test("packBlocks() sends in the end what single steps are too coarse for", async () => {
  using device = await Device.open();
  const input = Float32Array.from(
    { length: 128 },
    (_, i) => i === 0 ? 1 : 1e-3,
  );
  const tensor = device.tensor([128], input);
  const scale = device.tensor([1], new Float32Array([1]));
  const packed = device.tensor([33], undefined, "u32");
  const residual = device.tensor([128]);
  const back = device.tensor([128]);
  const sums = new Float64Array(128);
  const steps = 64;
  for (let step = 0; step < steps; step++) {
    device.run((program) => {
      packBlocks(program, { tensor, packed, first: 0, scale, residual });
      unpackBlocks(program, { tensor: back, packed, first: 0, scale });
    });
    const values = await device.read(back);
    if (step === 0) strictEqual(values[1], 0);
    values.forEach((value, i) => sums[i]! += value);
  }
  // Of all steps together no more is missing than of one.
  sums.forEach((sum, i) => ok(Math.abs(sum - steps * input[i]!) <= 2 ** -7));
});
