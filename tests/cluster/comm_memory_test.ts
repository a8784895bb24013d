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
