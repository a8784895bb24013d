// deno-lint-ignore-file no-console
/**
 * Pi by Monte Carlo: each rank throws its share of the darts, and one sum over
 * all ranks gives the result.
 *
 *     deno task launch -n 4 cluster/examples/pi.ts 1000000
 */
import { init } from "@signet/signet";
import { philox } from "../../src/random.ts";

const darts = Number(Deno.args[0] ?? 1_000_000);
await using world = await init();
const { rank, size } = world;

// Darts are numbered over all ranks, so that any number of ranks throws the same.
let hits = 0;
for (let dart = rank; dart < darts; dart += size) {
  const [x, y] = philox([2026, 0], [dart, 0, 0, 0]);
  if ((x / 2 ** 32) ** 2 + (y / 2 ** 32) ** 2 < 1) hits++;
}

const total = await world.reduce(Float64Array.of(hits));
if (total !== undefined) {
  const pi = (4 * total[0]! / darts).toFixed(5);
  console.log(`pi is about ${pi} after ${darts} darts on ${size} ranks`);
}
