import { deepStrictEqual, ok } from "node:assert";
import * as fc from "fast-check";
import {
  type Algorithm,
  LinkCommunicator,
} from "../../cluster/communicator/mod.ts";
import { MemoryNetwork } from "../../cluster/links/mod.ts";
import type { Summands } from "../../src/training/mod.ts";
import { fromBfloat16, toBfloat16, uniform } from "../helpers/mod.ts";
import { VirtualTime } from "./links_virtual_time.ts";

/** Sums `inputs`, one a rank, and returns what each rank ends with. */
async function sumOver<T extends Summands>(
  inputs: readonly T[],
  { algorithm, segmentBytes, seed }: {
    algorithm: Algorithm;
    segmentBytes: number;
    seed: number;
  },
): Promise<T[]> {
  const next = uniform(seed);
  const time = new VirtualTime();
  const size = inputs.length;
  const network = new MemoryNetwork({
    size,
    timers: time.timers,
    fate: () => ({ arrivals: [next() * 20] }),
  });
  const ranks = Array.from({ length: size }, (_, rank) =>
    new LinkCommunicator({
      link: network.link(rank),
      world: { run: 7, generation: 1 },
      env: time,
      warnAfterMs: 10_000,
      deadlineMs: 60_000,
      segmentBytes,
      algorithm,
      onWarning: () => {},
    }));
  await time.until(
    Promise.all(ranks.map((rank, r) => rank.allReduce(inputs[r]!))),
  );
  for (const rank of ranks) await rank.close();
  network.close();
  return [...inputs];
}

/** Chunk c of the ring begins with rank c; each addition is rounded. */
function ringOrder(
  inputs: readonly number[][],
  round: (value: number) => number,
): number[] {
  const size = inputs.length;
  const length = inputs[0]!.length;
  return inputs[0]!.map((_, i) => {
    let owner = 0;
    while (Math.floor((owner + 1) * length / size) <= i) owner++;
    let sum = inputs[owner]![i]!;
    for (let hop = 1; hop < size; hop++) {
      sum = round(Math.fround(sum + inputs[(owner + hop) % size]![i]!));
    }
    return sum;
  });
}

const toFloat16 = (value: number) => Math.f16round(value);
const roundBfloat16 = (value: number) => fromBfloat16(toBfloat16(value));

const cases = fc.record({
  size: fc.integer({ min: 1, max: 5 }),
  length: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.constant(3001)),
  segmentBytes: fc.constantFrom(16, 200, 4096),
  seed: fc.nat(),
});

/** Values over many powers of 2, so that sums lose bits. */
function inputsOf(size: number, length: number, seed: number): number[][] {
  const next = uniform(seed);
  return Array.from(
    { length: size },
    () => Array.from({ length }, () => (next() - 0.5) * 2 ** (next() * 12 - 6)),
  );
}

Deno.test("Communicator.allReduce() of bf16 adds in f32 and rounds in the order of the ring", async () => {
  await fc.assert(
    fc.asyncProperty(cases, async ({ size, length, segmentBytes, seed }) => {
      const inputs = inputsOf(size, length, seed)
        .map((values) => values.map(roundBfloat16));
      const buffers = inputs.map((values) => {
        const memory = new SharedArrayBuffer(2 * length);
        const buffer = new Uint16Array(memory);
        buffer.set(values.map(toBfloat16));
        return buffer;
      });
      const expected = ringOrder(inputs, roundBfloat16);
      const sums = await sumOver(buffers, {
        algorithm: "ring",
        segmentBytes,
        seed,
      });
      for (const sum of sums) {
        deepStrictEqual([...sum].map(fromBfloat16), expected);
      }
    }),
    { numRuns: 60, seed: 20_240_601, endOnFailure: true },
  );
});

Deno.test("Communicator.allReduce() of f16 adds in f32 and rounds in the order of the ring", async () => {
  await fc.assert(
    fc.asyncProperty(cases, async ({ size, length, segmentBytes, seed }) => {
      const inputs = inputsOf(size, length, seed)
        .map((values) => values.map(toFloat16));
      const buffers = inputs.map((values) => {
        const buffer = new Float16Array(new SharedArrayBuffer(2 * length));
        buffer.set(values);
        return buffer;
      });
      const expected = ringOrder(inputs, toFloat16);
      const sums = await sumOver(buffers, {
        algorithm: "ring",
        segmentBytes,
        seed,
      });
      for (const sum of sums) deepStrictEqual([...sum], expected);
    }),
    { numRuns: 60, seed: 20_240_601, endOnFailure: true },
  );
});

for (
  const algorithm of [
    "auto",
    "tree",
    "gather",
    "chain",
    "hierarchical",
  ] as const
) {
  Deno.test(`Communicator.allReduce() of bf16 by ${algorithm} ends with the same bits on all ranks`, async () => {
    const inputs = inputsOf(4, 1001, 9);
    const buffers = inputs.map((values) => {
      const buffer = new Uint16Array(new SharedArrayBuffer(2002));
      buffer.set(values.map(toBfloat16));
      return buffer;
    });
    const sums = await sumOver(buffers, {
      algorithm,
      segmentBytes: 200,
      seed: 2,
    });
    for (const sum of sums) deepStrictEqual(sum, sums[0]);
    sums[0]!.forEach((bits, i) => {
      const exact = inputs.reduce((sum, values) => sum + values[i]!, 0);
      const size = inputs.reduce(
        (sum, values) => sum + Math.abs(values[i]!),
        0,
      );
      // One rounding of the input and one of each sum, of 2^-8 each.
      ok(Math.abs(fromBfloat16(bits) - exact) <= 4 * 2 ** -8 * size);
    });
  });
}

Deno.test("Communicator.allReduce() of narrow sums keeps what is not finite, beyond the range of f16 too", async () => {
  const half = [60_000, -60_000, NaN, Infinity, 1];
  const halves = await sumOver(
    [0, 1].map(() => {
      const buffer = new Float16Array(new SharedArrayBuffer(10));
      buffer.set(half);
      return buffer;
    }),
    { algorithm: "ring", segmentBytes: 200, seed: 1 },
  );
  for (const sum of halves) {
    deepStrictEqual([...sum], [Infinity, -Infinity, NaN, Infinity, 2]);
  }
  const wide = [60_000, 3e38, NaN, -Infinity, 1];
  const wides = await sumOver(
    [0, 1].map(() => {
      const buffer = new Uint16Array(new SharedArrayBuffer(10));
      buffer.set(wide.map(toBfloat16));
      return buffer;
    }),
    { algorithm: "ring", segmentBytes: 200, seed: 1 },
  );
  for (const sum of wides) {
    deepStrictEqual(
      [...sum].map(fromBfloat16),
      [2 * roundBfloat16(60_000), Infinity, NaN, -Infinity, 2],
    );
  }
});
