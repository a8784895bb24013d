import { deepStrictEqual, strictEqual } from "node:assert";
import { Device } from "../../src/gpu/mod.ts";
import {
  type HalfType,
  packedWords,
  packWire,
  unpackWire,
} from "../../src/ops/mod.ts";
import { fromBfloat16, toBfloat16, uniform } from "../helpers/mod.ts";

/** What JavaScript and the definition say. */
const REFERENCE: Record<HalfType, {
  to(value: number): number;
  from(bits: number): number;
}> = {
  bf16: { to: toBfloat16, from: fromBfloat16 },
  f16: {
    to: (value) => new Uint16Array(new Float16Array([value]).buffer)[0]!,
    from: (bits) => new Float16Array(new Uint16Array([bits]).buffer)[0]!,
  },
};

/** Values of all sizes, the ties between neighbours and all that is special. */
function difficult(): Float32Array {
  const next = uniform(3);
  const bits: number[] = [];
  for (let i = 0; i < 20_000; i++) bits.push(Math.floor(next() * 2 ** 32));
  for (let exponent = 0; exponent < 256; exponent++) {
    for (const mantissa of [0, 1, 0xfff, 0x1000, 0x1001, 0x3000, 0x7fff]) {
      bits.push(exponent << 23 | mantissa);
    }
    for (const mantissa of [0x8000, 0x8001, 0x18000, 0x7fe000, 0x7fffff]) {
      bits.push((1 << 31 | exponent << 23 | mantissa) >>> 0);
    }
  }
  const values = new Float32Array(new Uint32Array(bits).buffer);
  const special = [0, -0, 65504, 65519.996, 65520, -1e9, Infinity, -Infinity];
  const least = [2 ** -24, 2 ** -25, 2 ** -25 * 1.0001, 3 * 2 ** -25, 2 ** -14];
  return Float32Array.from([...values, ...special, ...least, NaN, 1e-45]);
}

/** Every NaN is as good as any other. */
function sameNan(bits: number, isNan: boolean): number {
  return isNan ? NaN : bits;
}

for (const type of ["bf16", "f16"] as const) {
  const { to, from } = REFERENCE[type];

  Deno.test(`packWire() rounds to ${type} as the reference, and unpackWire() is exact`, async () => {
    using device = await Device.open();
    const values = difficult();
    const tensor = device.tensor([values.length], values);
    const words = packedWords(values.length);
    // Whatever lies before and after stays.
    const packed = device.tensor(
      [words + 2],
      new Uint32Array(words + 2).fill(7),
    );
    const back = device.tensor([values.length]);
    device.run((program) => {
      packWire(program, { tensor, packed, first: 1, type });
      unpackWire(program, { tensor: back, packed, first: 1, type });
    });
    const all = await device.readU32(packed);
    strictEqual(all[0], 7);
    strictEqual(all.at(-1), 7);
    const found = new Uint16Array(all.buffer, 4, values.length);
    const unpacked = await device.read(back);
    values.forEach((value, i) => {
      const isNan = Number.isNaN(value);
      strictEqual(Number.isNaN(from(found[i]!)), isNan, `${value}`);
      deepStrictEqual(
        sameNan(found[i]!, isNan),
        sameNan(to(value), isNan),
        `${value} (${i})`,
      );
      deepStrictEqual(unpacked[i], from(found[i]!), `${value} (${i})`);
    });
  });

  Deno.test(`unpackWire() gives the value of each of the 65536 ${type}`, async () => {
    using device = await Device.open();
    const bits = Uint16Array.from({ length: 65536 }, (_, i) => i);
    const packed = device.tensor([32768], new Uint32Array(bits.buffer));
    const tensor = device.tensor([65536]);
    device.run((program) =>
      unpackWire(program, { tensor, packed, first: 0, type })
    );
    const found = await device.read(tensor);
    found.forEach((value, i) => strictEqual(value, from(i), `${i}`));
  });

  for (const length of [1, 2, 63, 129]) {
    Deno.test(`packWire() and unpackWire() keep ${length} values of type ${type}`, async () => {
      using device = await Device.open();
      const values = Float32Array.from({ length }, (_, i) => i / 4 - 9);
      const tensor = device.tensor([length], values);
      const packed = device.tensor([packedWords(length)], undefined, "u32");
      const back = device.tensor([length]);
      device.run((program) => {
        packWire(program, { tensor, packed, first: 0, type });
        unpackWire(program, { tensor: back, packed, first: 0, type });
      });
      deepStrictEqual((await device.read(back)).slice(0, length), values);
    });
  }
}
