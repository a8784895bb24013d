import { ok } from "node:assert";
import { openMemoryWorld } from "./comm_memory_world.ts";

const SIZE = 96;

Deno.test("Communicator of many ranks begins with a few frames of each, not with one to every other", async () => {
  let frames = 0;
  const world = openMemoryWorld({
    size: SIZE,
    fate: () => (frames++, { arrivals: [0] }),
  });
  await world.until(Promise.all(world.comms.map((comm) => comm.barrier())));
  // Greetings and their answers, then seven rounds of a token and its receipt.
  ok(frames < 45 * SIZE, `${frames} frames`);
  await world.close();
});
