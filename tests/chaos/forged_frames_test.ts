import { connect } from "@nats-io/transport-node";
import { ok } from "node:assert";
import { realEnv } from "../../src/env/mod.ts";
import { startNatsServer } from "../../cluster/launch/nats_server.ts";
import {
  encodeHead,
  FRAME,
  HEAD_BYTES,
  runHash,
} from "../../cluster/links/mod.ts";
import { subjectsOf } from "../../cluster/protocol.ts";
import { openNatsWorld } from "../helpers/nats_world.ts";

function forged(run: number, generation: number): Uint8Array {
  const payload = new Uint8Array(4096).fill(7);
  const frame = new Uint8Array(HEAD_BYTES + payload.length);
  frame.set(payload, HEAD_BYTES);
  encodeHead(
    {
      run,
      generation,
      kind: FRAME.data,
      purpose: 0,
      from: 1,
      to: 0,
      attempt: 1,
      sequence: 1,
      operation: 1,
      step: 0,
      segment: 0,
      total: 4096,
      context: 0,
      signature: 0,
    },
    payload,
    frame,
  );
  return frame;
}

Deno.test("foreign, stale, corrupt and oversized frames amid collectives are dropped and counted, and the sums are right", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-chaos-" });
  const server = await startNatsServer({ env: realEnv, folder, run: "test" });
  const world = await openNatsWorld(new Array(3).fill(server.rank), {
    generation: 5,
    segmentBytes: 64 * 1024,
  });
  const insider = await connect({
    servers: server.url,
    user: server.rank.user,
    pass: server.rank.password,
  });
  const run = runHash("test");
  const corrupt = forged(run, 5);
  corrupt[HEAD_BYTES + 9]! ^= 1;
  const frames = [
    forged(run + 1, 5),
    forged(run, 4),
    corrupt,
    new Uint8Array(10),
    new Uint8Array(5 * 1024 * 1024),
  ];
  const rounds = 6;
  const buffers = world.ranks.map((rank, r) =>
    rank.allocate(200_000).fill(r + 1)
  );
  for (let round = 0; round < rounds; round++) {
    const work = world.ranks.map((rank, r) => rank.allReduce(buffers[r]!));
    for (const frame of frames) {
      insider.publish(subjectsOf("test").data(0, round % 2), frame);
    }
    await Promise.all([...work, insider.flush()]);
  }
  // What the server has passed on before this barrier has been looked at.
  await Promise.all(world.ranks.map((rank) => rank.barrier()));
  const expected = 6 * 3 ** (rounds - 1);
  for (const values of buffers) ok(values.every((value) => value === expected));
  const { foreign, stale, corrupt: broken } = world.ranks[0]!.exchange.counts;
  ok(foreign >= rounds && stale > 0 && broken > 0);
  await insider.close();
  await world.close();
  await server.stop();
  await Deno.remove(folder, { recursive: true });
});
