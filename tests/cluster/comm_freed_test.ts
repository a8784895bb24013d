import { deepStrictEqual, rejects, strictEqual } from "node:assert";
import { decodeFrame, FRAME, WINDOW_BYTES } from "../../cluster/links/mod.ts";
import { openMemoryWorld } from "./comm_memory_world.ts";

const f32 = (length: number) => new Float32Array(length);

Deno.test("Comm.finalize() leaves nothing of a communicator that was freed", async () => {
  const world = openMemoryWorld({ size: 3 });
  await world.until(Promise.all(world.comms.map(async (comm) => {
    for (let i = 0; i < 50; i++) {
      const twin = await comm.duplicate();
      await twin.allReduce(f32(10));
      await twin.finalize();
    }
    await comm.barrier();
  })));
  for (const exchange of world.exchanges) strictEqual(exchange.inUse, 1);
  await world.close();
});

Deno.test("Comm refuses calls on a communicator that was freed", async () => {
  const world = openMemoryWorld({ size: 2 });
  await world.until(Promise.all(world.comms.map(async (comm) => {
    const twin = await comm.duplicate();
    await twin.finalize();
    await rejects(twin.barrier(), /the communicator was freed/);
    await rejects(twin.send(1, { to: 0 }), /the communicator was freed/);
    await comm.barrier();
  })));
  await world.close();
});

Deno.test("a call that was left behind with its communicator is not waited for any more", async () => {
  const world = openMemoryWorld({ size: 2 });
  await world.until(Promise.all(world.comms.map(async (comm) => {
    const twin = await comm.duplicate();
    if (comm.rank === 0) {
      const end = rejects(twin.allReduce(f32(10)), /communicator was freed/);
      await twin[Symbol.asyncDispose]();
      await end;
    }
    // Longer than any call may take.
    await world.sleep(200_000);
    await comm.barrier();
  })));
  await world.close();
});

Deno.test("Comm has all its room again when calls have ended that others began earlier", async () => {
  const run = { run: 7, generation: 1 };
  const room: number[] = [];
  const world = openMemoryWorld({
    size: 2,
    fate(_, to, frame) {
      const { head } = Object(decodeFrame(frame, run, to));
      if (head?.kind === FRAME.ack) room[head.from] = head.segment;
      return { arrivals: [1] };
    },
  });
  await world.until(Promise.all(world.comms.map(async (comm) => {
    for (let i = 0; i < 3; i++) {
      // Rank 1 is ready for an array that rank 0 sends without waiting for that.
      if (comm.rank === 0) await world.sleep(10);
      await comm.broadcast(f32(100_000));
    }
    const twin = await comm.duplicate();
    if (comm.rank === 1) {
      const end = rejects(twin.allReduce(f32(10)), /communicator was freed/);
      await world.sleep(10);
      await twin[Symbol.asyncDispose]();
      await end;
    } else {
      await world.sleep(20);
      await twin[Symbol.asyncDispose]();
    }
    await comm.barrier();
  })));
  deepStrictEqual(room, [WINDOW_BYTES, WINDOW_BYTES]);
  await world.close();
});
