import { deepStrictEqual, ok, rejects } from "node:assert";
import * as fc from "fast-check";
import { LinkCommunicator } from "../../cluster/communicator/mod.ts";
import { MemoryNetwork } from "../../cluster/links/mod.ts";
import { packBlocksReference } from "../../src/reference/mod.ts";
import { shareOf } from "../../src/training/mod.ts";
import { uniform } from "../helpers/mod.ts";
import { VirtualTime } from "./links_virtual_time.ts";

/** Groups of blocks from the values that they round. */
function packed(values: readonly number[]) {
  const residual = new Float32Array(values.length);
  const { exponents, values: q, decoded } = packBlocksReference(values, {
    residual,
  });
  const groups = values.length / 128;
  const words = new Uint32Array(new SharedArrayBuffer(132 * groups));
  for (let group = 0; group < groups; group++) {
    new Uint8Array(words.buffer, 132 * group, 4)
      .set(exponents.slice(4 * group, 4 * group + 4));
    new Int8Array(words.buffer, 132 * group + 4, 128)
      .set(q.slice(128 * group, 128 * group + 128));
  }
  return { words, decoded };
}

function world(size: number, seed: number, segmentBytes: number) {
  const next = uniform(seed);
  const time = new VirtualTime();
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
      onWarning: () => {},
    }));
  return { time, network, ranks };
}

function inputsOf(size: number, length: number, seed: number): number[][] {
  const next = uniform(seed);
  return Array.from(
    { length: size },
    () => Array.from({ length }, () => (next() - 0.5) * 2 ** (next() * 12 - 6)),
  );
}

Deno.test("Communicator.allReduceBlocks() adds in f32, rounds once and carries the rest over, alike on all ranks", async () => {
  const cases = fc.record({
    size: fc.integer({ min: 1, max: 5 }),
    groups: fc.integer({ min: 0, max: 9 }),
    segmentBytes: fc.constantFrom(16, 200, 4096),
    seed: fc.nat(),
  });
  await fc.assert(
    fc.asyncProperty(cases, async ({ size, groups, segmentBytes, seed }) => {
      const { time, network, ranks } = world(size, seed, segmentBytes);
      const length = 128 * groups;
      const carries = ranks.map(() =>
        new Float32Array(new SharedArrayBuffer(4 * length))
      );
      let expectedCarry: number[] = Array(length).fill(0);
      for (let call = 0; call < 3; call++) {
        const inputs = inputsOf(size, length, seed + call).map(packed);
        await time.until(
          Promise.all(
            ranks.map((rank, r) =>
              rank.allReduceBlocks(inputs[r]!.words, carries[r]!)
            ),
          ),
        );
        const sums = expectedCarry.map((carry, i) =>
          inputs.reduce(
            (sum, { decoded }) => Math.fround(sum + decoded[i]!),
            carry,
          )
        );
        const expected = packed(sums);
        for (const { words } of inputs) {
          deepStrictEqual(words, expected.words);
        }
        expectedCarry = sums.map((sum, i) => sum - expected.decoded[i]!);
        carries.forEach((carry, rank) => {
          const [first, end] = shareOf(groups, rank, size)
            .map((group) => 128 * group) as [number, number];
          deepStrictEqual(
            [...carry.subarray(first, end)],
            expectedCarry.slice(first, end),
          );
        });
      }
      for (const rank of ranks) await rank.close();
      network.close();
    }),
    { numRuns: 40, seed: 20_240_601, endOnFailure: true },
  );
});

Deno.test("Communicator.allReduceBlocks() marks sums that are not finite and keeps their carry", async () => {
  const { time, network, ranks } = world(2, 1, 4096);
  const inputs = inputsOf(2, 256, 3);
  inputs[1]![40] = NaN;
  inputs[0]![200] = 3e38;
  inputs[1]![200] = 3e38;
  const parts = inputs.map(packed);
  const carries = ranks.map(() =>
    new Float32Array(new SharedArrayBuffer(1024)).fill(0.25)
  );
  await time.until(
    Promise.all(
      ranks.map((rank, r) =>
        rank.allReduceBlocks(parts[r]!.words, carries[r]!)
      ),
    ),
  );
  for (const { words } of parts) {
    const exponents = [0, 132].flatMap((at) => [
      ...new Uint8Array(words.buffer, at, 4),
    ]);
    deepStrictEqual(
      exponents.map((exponent) => exponent === 255),
      [false, true, false, false, false, false, true, false],
    );
  }
  ok(carries[0]!.subarray(32, 64).every((value) => value === 0.25));
  ok(carries[1]!.subarray(192, 224).every((value) => value === 0.25));
  ok(carries[0]!.subarray(0, 32).some((value) => value !== 0.25));
  for (const rank of ranks) await rank.close();
  network.close();
});

Deno.test("Communicator.allReduceBlocks() refuses what are no whole groups", async () => {
  const { network, ranks } = world(1, 1, 4096);
  const words = new Uint32Array(new SharedArrayBuffer(4 * 34));
  const carry = new Float32Array(new SharedArrayBuffer(4 * 128));
  await rejects(
    async () => await ranks[0]!.allReduceBlocks(words, carry),
    /Cannot sum 34 words in groups of 33 with a carry of 128/,
  );
  await ranks[0]!.close();
  network.close();
});
