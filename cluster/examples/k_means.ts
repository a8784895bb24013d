// deno-lint-ignore-file no-console
/**
 * Distributed k-means (Lloyd 1982): every rank holds some shards of the points
 * and knows all centres. In each round the ranks add up, per centre, the points
 * that are nearest to it.
 *
 * The points lie in 12 shards whose sums are combined in a fixed order, so 1, 2,
 * 3, 4, 6 and 12 ranks end with the same bits.
 *
 *     deno task launch -n 3 cluster/examples/k_means.ts 12000
 */
import { init } from "@signet/signet";
import { philox, uniform01 } from "../../src/random.ts";

const SHARDS = 12;
const CENTRES = 4;
const ROUNDS = 20;
const points = Number(Deno.args[0] ?? 12_000);

await using world = await init();
const { rank, size } = world;
if (SHARDS % size !== 0) {
  throw new RangeError(`Cannot divide ${SHARDS} shards over ${size} ranks`);
}

/** Point i: near one of the corners of a square, as [x, y]. */
function pointOf(i: number): [number, number] {
  const [a, b, c] = philox([7, 1], [i, 0, 0, 0]);
  const [cx, cy] = [(c >>> 8) % 2, (c >>> 16) % 2];
  return [cx + (uniform01(a) - 0.5) / 2, cy + (uniform01(b) - 0.5) / 2];
}

const own = SHARDS / size;
const length = Math.floor(points / SHARDS);
const shards = Array.from({ length: own }, (_, i) => {
  const first = (rank * own + i) * length;
  return Array.from({ length }, (_, j) => pointOf(first + j));
});

/** Sum of x, of y, and number of points, for each centre. */
function sumsOf(
  shard: readonly (readonly [number, number])[],
  centres: Float32Array,
): Float32Array {
  const sums = new Float32Array(CENTRES * 3);
  for (const [x, y] of shard) {
    let nearest = 0;
    let least = Infinity;
    for (let k = 0; k < CENTRES; k++) {
      const distance = (x - centres[2 * k]!) ** 2 +
        (y - centres[2 * k + 1]!) ** 2;
      if (distance < least) [nearest, least] = [k, distance];
    }
    sums[3 * nearest]! += x;
    sums[3 * nearest + 1]! += y;
    sums[3 * nearest + 2]! += 1;
  }
  return sums;
}

// Rank 0 guesses: a centre in each quarter, off the middle.
const centres = Float32Array.of(0.3, 0.2, 0.8, 0.3, 0.2, 0.7, 0.6, 0.9);
if (rank > 0) centres.fill(0);
await world.broadcast(centres);

for (let round = 0; round < ROUNDS; round++) {
  const sums = await world.allReduceShards(
    shards.map((shard) => sumsOf(shard, centres)),
  );
  for (let k = 0; k < CENTRES; k++) {
    const count = sums[3 * k + 2]!;
    if (count === 0) continue;
    centres[2 * k] = sums[3 * k]! / count;
    centres[2 * k + 1] = sums[3 * k + 1]! / count;
  }
}

const bits = [...new Uint32Array(centres.buffer)].map((word) =>
  word.toString(16).padStart(8, "0")
).join("");
const all = await world.gather({ bits });
if (all !== undefined) {
  const places = Array.from(
    { length: CENTRES },
    (_, k) =>
      `(${centres[2 * k]!.toFixed(3)}, ${centres[2 * k + 1]!.toFixed(3)})`,
  );
  console.log(`centres ${places.join(" ")}`);
  console.log(`bits ${bits}`);
  if (all.some((other) => other.bits !== bits)) {
    throw new Error("Ranks ended with different centres");
  }
}
