import { strictEqual } from "node:assert";
import type { Fate } from "../../cluster/links/mod.ts";
import { uniform } from "../helpers/mod.ts";
import { openMemoryWorld } from "./comm_memory_world.ts";
import { testComm } from "./comm_suite.ts";

/** Loses, repeats, delays and damages frames. */
function badNetwork(seed: number): () => Fate {
  const next = uniform(seed);
  return () => {
    if (next() < 0.1) return { arrivals: [] };
    const arrivals = [next() * 20];
    if (next() < 0.1) arrivals.push(next() * 60);
    const flipBit = Math.floor(next() * 4096);
    return next() < 0.05 ? { arrivals, flipBit } : { arrivals };
  };
}

testComm(
  "a prompt network",
  (options) => Promise.resolve(openMemoryWorld(options)),
  { runs: 50, maxSize: 9, maxLength: 70_000 },
);

testComm(
  "a network that loses, repeats, reorders and damages frames",
  (options) =>
    Promise.resolve(
      openMemoryWorld({ ...options, fate: badNetwork(options.seed) }),
    ),
  { runs: 50, maxSize: 5, maxLength: 5000 },
);

Deno.test("Comm.allReduce() among the first ranks of nodes goes along a tree up to the link's treeBytes, around a ring above", async () => {
  const hops = async (treeBytes: number) => {
    const world = openMemoryWorld({
      size: 16,
      nodes: Array.from({ length: 16 }, (_, rank) => rank >> 1),
      algorithm: "hierarchical",
      treeBytes,
      fate: () => ({ arrivals: [1] }),
    });
    await world.until(
      Promise.all(
        world.comms.map((comm) => comm.allReduce(new Float32Array(25_000))),
      ),
    );
    const ms = world.time.clock.now();
    await world.close();
    return ms;
  };
  // A hop takes a millisecond: one within each node before and after those between,
  // and the acknowledgement of the last.
  strictEqual(await hops(100_000), 1 + 3 + 1 + 1);
  strictEqual(await hops(99_999), 1 + 2 * 7 + 1 + 1);
});
