import { realEnv } from "../../src/env/mod.ts";
import { Console } from "../../cluster/console.ts";
import { startNatsServer } from "../../cluster/launch/nats_server.ts";
import { openNatsWorld } from "../helpers/nats_world.ts";

/**
 * Prints, as JSON, the bytes that an all-reduce of 2 ranks leaves behind per call
 * and rank, for each of the sizes in bytes that are given.
 */
declare const gc: () => void;

const WARM_UP = 5;
const CALLS = 20;

function held(): number {
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

const folder = await Deno.makeTempDir({ prefix: "signet-garbage-" });
const server = await startNatsServer({ env: realEnv, folder, run: "test" });
const world = await openNatsWorld([server.rank, server.rank]);
const result: Record<string, number> = {};
for (const bytes of Deno.args.map(Number)) {
  const buffers = world.ranks.map((rank) => rank.allocate(bytes / 4));
  let garbage = 0;
  for (let call = 0; call < WARM_UP + CALLS; call++) {
    // The second one waits until what the first one has found is freed.
    gc();
    gc();
    const before = held();
    await Promise.all(
      world.ranks.map((rank, r) => rank.allReduce(buffers[r]!)),
    );
    if (call >= WARM_UP) garbage += Math.max(0, held() - before);
  }
  result[bytes] = Math.round(garbage / CALLS / world.ranks.length);
}
await world.close();
await server.stop();
await Deno.remove(folder, { recursive: true });
new Console(realEnv).result(JSON.stringify(result));
Deno.exit(0);
