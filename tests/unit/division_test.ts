import { deepStrictEqual, ok } from "node:assert";
import { weightsOf } from "../../src/phases/divide_by_speed.ts";
import { Division, shareOffsets } from "../../src/training/mod.ts";

Deno.test("Division.even() divides as shareOffsets() does", () => {
  for (const size of [1, 2, 3, 7]) {
    for (let total = 0; total < 40; total++) {
      deepStrictEqual(
        Division.even({ rank: 0, size }).offsets(total),
        shareOffsets(total, size),
      );
    }
  }
});

Deno.test("Division gives every rank its weight of the whole, and one item at least", () => {
  const weights = [700, 1, 299];
  for (let total = 3; total < 200; total++) {
    const parts = weights.map((_, rank) =>
      new Division(rank, weights).own(total)
    );
    deepStrictEqual(parts.flat(), [
      0,
      parts[1]![0],
      parts[1]![0],
      parts[2]![0],
      parts[2]![0],
      total,
    ]);
    parts.forEach(([start, end], rank) => {
      ok(end > start);
      // One for each, then the rest by weight, rounded at both ends.
      const exact = 1 + (total - 3) * weights[rank]! / 1000;
      ok(Math.abs(end - start - exact) < 1, `${total}: ${start}-${end}`);
    });
  }
});

Deno.test("weightsOf() is in proportion to speed, and never 0", () => {
  deepStrictEqual(weightsOf([30, 10]), [750, 250]);
  deepStrictEqual(weightsOf([1e6, 1]), [1000, 1]);
});
