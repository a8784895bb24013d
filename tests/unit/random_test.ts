import { deepStrictEqual, notDeepStrictEqual, ok } from "node:assert";
import { multiplyHigh, philox, shuffle, uniform01 } from "../../src/random.ts";

// Known answers published with the algorithm.
for (
  const { key, counter, words } of [
    {
      key: [0, 0],
      counter: [0, 0, 0, 0],
      words: [0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8],
    },
    {
      key: [0xffffffff, 0xffffffff],
      counter: [0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff],
      words: [0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd],
    },
    {
      key: [0xa4093822, 0x299f31d0],
      counter: [0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344],
      words: [0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1],
    },
  ] as const
) {
  Deno.test(`philox() gives the known answer for key ${key}`, () => {
    deepStrictEqual(philox(key, counter), [...words]);
  });
}

Deno.test("multiplyHigh() equals the 64-bit product", () => {
  const words = [0, 1, 2, 0xffff, 0x10000, 0x7fffffff, 0x80000001, 0xffffffff];
  for (const a of words) {
    for (const b of words) {
      deepStrictEqual(
        multiplyHigh(a, b),
        Number((BigInt(a) * BigInt(b)) >> 32n),
      );
    }
  }
});

Deno.test("uniform01() stays in [0, 1) at the ends", () => {
  deepStrictEqual(uniform01(0), 0);
  deepStrictEqual(uniform01(0xffffffff), 1 - 2 ** -24);
});

Deno.test("shuffle() permutes and depends on its arguments alone", () => {
  for (const n of [0, 1, 2, 5, 1000]) {
    const order = shuffle(n, 1, 2);
    deepStrictEqual(shuffle(n, 1, 2), order);
    deepStrictEqual(
      [...order].sort((a, b) => a - b),
      Array.from({ length: n }, (_, i) => i),
    );
  }
  const order = shuffle(100, 1, 2);
  notDeepStrictEqual(shuffle(100, 2, 2), order);
  notDeepStrictEqual(shuffle(100, 1, 3), order);
  notDeepStrictEqual(shuffle(100, 1, 2, 1), order);
});

Deno.test("shuffle() gives every permutation equally often", () => {
  const counts = new Map<string, number>();
  const rounds = 6000;
  for (let round = 0; round < rounds; round++) {
    const key = shuffle(3, 7, 1, round).join();
    counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  deepStrictEqual(counts.size, 6);
  // Five standard deviations of a binomial count.
  for (const count of counts.values()) ok(Math.abs(count - 1000) < 145);
});
