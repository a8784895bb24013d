import { deepStrictEqual, ok, strictEqual } from "node:assert";
import * as fc from "fast-check";
import { ALGORITHMS } from "../../cluster/communicator/mod.ts";
import { ScratchPool } from "../../cluster/communicator/scratch_pool.ts";
import { assertClose, gaussian, uniform } from "../helpers/mod.ts";
import { openMemoryWorld } from "./comm_memory_world.ts";

function bitsOf(values: Float32Array): Uint32Array {
  return new Uint32Array(values.slice().buffer);
}

Deno.test("Comm.allReduce() gives all ranks the same bits whatever the arrival order, with every algorithm", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.record({
        size: fc.integer({ min: 2, max: 9 }),
        length: fc.integer({ min: 1, max: 3000 }),
        algorithm: fc.constantFrom(...ALGORITHMS),
        seed: fc.nat(1000),
      }),
      async ({ size, length, algorithm, seed }) => {
        const inputs = Array.from(
          { length: size },
          (_, rank) => gaussian(length, { seed: seed + rank }),
        );
        const results: Uint32Array[] = [];
        for (const timing of [1, 2]) {
          const next = uniform(seed + timing);
          const world = openMemoryWorld({
            size,
            algorithm,
            nodes: inputs.map((_, rank) => rank % 3),
            segmentBytes: 1000,
            fate: () => ({ arrivals: [next() * 50] }),
          });
          const sums = await world.until(Promise.all(
            world.comms.map((comm, rank) =>
              comm.allReduce(inputs[rank]!.slice())
            ),
          ));
          for (const sum of sums) results.push(bitsOf(sum));
          await world.close();
        }
        for (const result of results) deepStrictEqual(result, results[0]);
        const exact = new Float64Array(length);
        for (const input of inputs) input.forEach((x, i) => exact[i]! += x);
        const sum = new Float32Array(results[0]!.buffer);
        assertClose(sum, exact, { atol: 1e-5 }, algorithm);
      },
    ),
    { numRuns: 40, seed: 5, endOnFailure: true },
  );
});

Deno.test("Comm.allReduceShards() gives the same bits for every world size that divides the shards", async () => {
  const SHARDS = 12;
  const length = 5000;
  const shards = Array.from(
    { length: SHARDS },
    (_, seed) => gaussian(length, { seed, scale: 10 ** (seed % 5) }),
  );
  const expected = shards.reduce((sum, shard) =>
    sum.map((x, i) => x + shard[i]!)
  );
  for (const size of [1, 2, 3, 4, 6, 12]) {
    for (const inPlace of [true, false]) {
      const world = openMemoryWorld({ size, segmentBytes: 4096 });
      const own = SHARDS / size;
      const results = await world.until(Promise.all(
        world.comms.map((comm, rank) => {
          const mine = shards.slice(rank * own, (rank + 1) * own)
            .map((shard) => shard.slice());
          const into = inPlace ? mine[0]! : new Float32Array(length);
          return comm.allReduceShards(mine, { into });
        }),
      ));
      for (const result of results) {
        deepStrictEqual(bitsOf(result), bitsOf(expected));
      }
      await world.close();
    }
  }
});

Deno.test("Comm works with 64 ranks", async () => {
  const world = openMemoryWorld({
    size: 64,
    nodes: Array.from({ length: 64 }, (_, rank) => Math.floor(rank / 8)),
  });
  await world.until(Promise.all(world.comms.map(async (comm) => {
    await comm.barrier();
    for (const length of [1, 40_000]) {
      const data = new Float32Array(length).fill(comm.rank);
      await comm.allReduce(data);
      ok(data.every((value) => value === 63 * 32));
    }
    const all = await comm.allGather(Int32Array.of(comm.rank));
    deepStrictEqual([...all], Array.from({ length: 64 }, (_, rank) => rank));
    const mates = await comm.splitByHost();
    deepStrictEqual([mates.size, mates.rank], [8, comm.localRank]);
    strictEqual(
      await comm.scan(Int32Array.of(1)).then(([n]) => n),
      comm.rank + 1,
    );
  })));
  await world.close();
});

Deno.test("ScratchPool gives memory out again, by type and length, up to its limit", () => {
  const pool = new ScratchPool();
  const like = new Float32Array(0);
  const first = pool.take(like, 1000);
  ok(pool.take(like, 1000) !== first);
  pool.give(first);
  ok(pool.take(new Int32Array(0), 1000) instanceof Int32Array);
  strictEqual(pool.take(like, 999).length, 999);
  strictEqual(pool.take(like, 1000), first);
  const large = pool.take(like, 20 * 1024 * 1024);
  pool.give(large);
  ok(pool.take(like, 20 * 1024 * 1024) !== large);
});
