import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { weightsOf } from "../../src/phases/divide_by_speed.ts";
import {
  Division,
  type Leases,
  shareOffsets,
  silentCommunicator,
} from "../../src/training/mod.ts";
import { evenBatch } from "../../src/training/shared_rows.ts";

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

Deno.test("evenBatch() computes no row twice over, and leaves batches that are leased the same on all ranks", () => {
  const leases = {} as Leases;
  const batchOf = (
    count: number,
    { rank, leased = false }: { rank: number; leased?: boolean },
  ) => {
    const communicator = {
      ...silentCommunicator(rank, 3),
      ...(leased ? { leases } : {}),
    };
    const division = new Division(rank, [1, 1, 2]);
    return evenBatch({ communicator, division, count }, 128);
  };
  // 6, 6 and 12 rows; 300 and 600; none at all.
  deepStrictEqual([0, 1, 2].map((rank) => batchOf(24, { rank })), [6, 6, 12]);
  strictEqual(batchOf(1200, { rank: 0 }), 100);
  strictEqual(batchOf(1200, { rank: 2 }), 120);
  strictEqual(batchOf(1, { rank: 0 }), 1);
  // Leased with twelve parts or more.
  const leased = [0, 1, 2].map((rank) => batchOf(1450, { rank, leased: true }));
  deepStrictEqual(leased, [121, 121, 121]);
  strictEqual(batchOf(24, { rank: 0, leased: true }), 6);
});
