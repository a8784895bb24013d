import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import {
  ANY_TAG,
  CollectiveMismatchError,
  CollectiveTimeoutError,
  type Comm,
  RankFailedError,
} from "../../mod.ts";
import type { CommWorld } from "./comm_suite.ts";
import { uniform } from "../helpers/mod.ts";
import { openMemoryWorld } from "./comm_memory_world.ts";

/** Errors of each rank; `undefined` for one that got through. */
async function errorsOf(
  world: CommWorld,
  program: (comm: Comm) => Promise<unknown>,
): Promise<(Error | undefined)[]> {
  const results = await world.until(
    Promise.allSettled(world.comms.map((comm) => program(comm))),
  );
  return results.map((result) =>
    result.status === "rejected" ? result.reason : undefined
  );
}

const f32 = (length: number) => new Float32Array(length);

/** Calls of rank 1 and of the others, and what the error says of them. */
const MISMATCHES: Record<
  string,
  [(comm: Comm) => Promise<unknown>, (comm: Comm) => Promise<unknown>, RegExp]
> = {
  "other lengths": [
    (comm) => comm.allReduce(f32(10)),
    (comm) => comm.allReduce(f32(11)),
    /f32\[11\] by tree, rank 1 called all-reduce of sum f32\[10\]/,
  ],
  "other types": [
    (comm) => comm.broadcast(f32(4)),
    (comm) => comm.broadcast(new Int32Array(4)),
    /broadcast of i32\[4\].*rank 1 called broadcast of f32\[4\]/,
  ],
  "other operations": [
    (comm) => comm.allReduce(f32(4), { op: "max" }),
    (comm) => comm.allReduce(f32(4)),
    /rank 1 called all-reduce of max f32\[4\]/,
  ],
  "other roots": [
    (comm) => comm.broadcast(f32(4), { root: 1 }),
    (comm) => comm.broadcast(f32(4), { root: 2 }),
    /broadcast of f32\[4\] from rank 1/,
  ],
  "another order": [
    async (comm) => {
      await comm.barrier();
      await comm.allGather(f32(4));
    },
    async (comm) => {
      await comm.allGather(f32(4));
      await comm.barrier();
    },
    /rank 1 called (?:barrier|all-gather)/,
  ],
  "calls in which all only send": [
    async (comm) => {
      await comm.gather(f32(4), { root: 0 });
      await comm.barrier();
    },
    async (comm) => {
      await comm.broadcast(f32(4), { root: 0 });
      await comm.barrier();
    },
    /rank 1 called gather of f32\[4\] to rank 0/,
  ],
  "arrays and values": [
    (comm) => comm.gather({ a: 1 }),
    (comm) => comm.gather(f32(1)),
    /gather of values to rank 0/,
  ],
  "an end too early": [
    (comm) => comm.finalize(),
    (comm) => comm.allReduce(f32(100_000)),
    /rank 1 called finalize/,
  ],
  "long messages": [
    (comm) => comm.allToAll(f32(300_000)),
    (comm) => comm.allReduce(f32(300_000)),
    /rank 1 called all-to-all of f32\[300000\]/,
  ],
};

for (const [name, [odd, others, text]] of Object.entries(MISMATCHES)) {
  Deno.test(`Comm fails on all ranks naming ranks and calls with ${name}`, async () => {
    const world = openMemoryWorld({ size: 3 });
    const errors = await errorsOf(world, async (comm) => {
      await (comm.rank === 1 ? odd(comm) : others(comm));
      // A rank that only sends may be through before it hears of the others.
      await comm.barrier();
    });
    for (const error of errors) {
      ok(error instanceof CollectiveMismatchError, `${error}`);
      ok(text.test(error.message), error.message);
      ok(/ranks \d and \d: rank \d called/.test(error.message), error.message);
    }
    ok(world.time.clock.now() < 5000);
    await world.close();
  });
}

Deno.test("Comm mismatch is found over a network that loses half of the frames", async () => {
  const next = uniform(11);
  const world = openMemoryWorld({
    size: 3,
    fate: () => ({ arrivals: next() < 0.5 ? [] : [3] }),
  });
  const errors = await errorsOf(world, async (comm) => {
    await (comm.rank === 2 ? comm.barrier() : comm.scan(f32(5)));
    await comm.barrier();
  });
  for (const error of errors) {
    ok(error instanceof CollectiveMismatchError, `${error}`);
  }
  await world.close();
});

Deno.test("Comm.recv() fails naming the rank that sends nothing, and the communicator lives on", async () => {
  const world = openMemoryWorld({ size: 3 });
  const errors = await errorsOf(world, async (comm) => {
    if (comm.rank === 0) await comm.recv({ from: 2, tag: 5 });
  });
  ok(errors[0] instanceof CollectiveTimeoutError);
  strictEqual(
    errors[0].message,
    "Cannot finish receive from rank 2 with tag 5 on rank 0: rank 2 has sent no such message for 60 s",
  );
  await world.until(Promise.all(world.comms.map((comm) => comm.barrier())));
  await world.close();
});

Deno.test("Comm.send() of a long message fails when nobody receives it; a later receive still gets it", async () => {
  const world = openMemoryWorld({ size: 2 });
  const [a, b] = world.comms;
  const data = f32(50_000).fill(3);
  await rejects(
    world.until(a!.send(data, { to: 1, tag: 2, timeoutMs: 500 })),
    /send to rank 1 with tag 2 on rank 0: rank 1 has not received it/,
  );
  data.fill(0);
  const { data: got } = await world.until(b!.recv<Float32Array>());
  strictEqual(got.length, 50_000);
  ok(got.every((value) => value === 3));
  await world.close();
});

Deno.test("Comm.send() whose time ends on the way delivers what it was given, whatever its memory is used for then", async () => {
  let cut = true;
  const world = openMemoryWorld({
    size: 2,
    fate: (_from, _to, { length }) => ({
      arrivals: cut && length > 100_000 ? [] : [1],
    }),
  });
  const [a, b] = world.comms;
  const data = f32(50_000).fill(3);
  const receiving = b!.recv<Float32Array>();
  await rejects(
    world.until(a!.send(data, { to: 1, timeoutMs: 500 })),
    /rank 1 has not received it/,
  );
  data.fill(0);
  cut = false;
  const { data: got } = await world.until(receiving);
  ok(got.every((value) => value === 3));
  await world.close();
});

Deno.test("Comm.send() lets collectives pass while a long message waits", async () => {
  const world = openMemoryWorld({ size: 2 });
  const [a, b] = world.comms;
  const twin = world.comms.map((comm) => comm.duplicate());
  const [, other] = await world.until(Promise.all(twin));
  const sending = a!.send(f32(5_000_000).fill(1), { to: 1 });
  const small = Array.from(
    { length: 200 },
    (_, i) => a!.send(f32(4000).fill(i), { to: 1, tag: 1 }),
  );
  const early = a!.broadcast(f32(3_000_000).fill(2), { root: 0 });
  await world.until(
    Promise.all([(await twin[0]!).barrier(), other!.barrier()]),
  );
  const late = await world.until(
    Promise.all([b!.broadcast(f32(3_000_000), { root: 0 }), early]),
  );
  ok(late[0].every((value) => value === 2));
  for (let i = 0; i < small.length; i++) {
    const { data } = await world.until(b!.recv<Float32Array>({ tag: 1 }));
    strictEqual(data[0], i);
  }
  const { length } = await world.until(b!.recv({ tag: 0 }));
  strictEqual(length, 5_000_000);
  await world.until(Promise.all([sending, ...small]));
  await world.close();
});

Deno.test("Comm ends calls and messages that a rank has queued far beyond the credit of others, which make them one by one", async () => {
  for (const size of [2, 3]) {
    const world = openMemoryWorld({ size });
    // Of 48 MB, 16 have room at a rank that is not so far.
    const arrays = world.comms.map(({ rank }) =>
      Array.from({ length: 200 }, (_, i) => f32(60_000).fill(i + rank))
    );
    const message = f32(100_000).fill(7);
    const errors = await errorsOf(world, async (comm) => {
      const own = arrays[comm.rank]!;
      if (comm.rank === 0) {
        await Promise.all([
          ...own.map((array) => comm.allReduce(array)),
          comm.send(message, { to: 1 }),
        ]);
      } else {
        if (comm.rank === 1) {
          const { data } = await comm.recv({ from: 0 });
          deepStrictEqual(data, message);
        }
        for (const array of own) await comm.allReduce(array);
      }
    });
    deepStrictEqual(errors, new Array(size).fill(undefined));
    ok(world.time.clock.now() < 1000, "nothing waits for a probe");
    arrays.flat().forEach((array, k) => {
      const i = k % 200;
      ok(array.every((value) => value === size * i + size * (size - 1) / 2));
    });
    await world.close();
  }
});

Deno.test("Comm.recv() keeps the order of messages of a sender when frames overtake each other", async () => {
  let frames = 0;
  const world = openMemoryWorld({
    size: 2,
    fate: () => ({ arrivals: [frames++ * 7 % 50] }),
  });
  const [a, b] = world.comms;
  const sent = Array.from(
    { length: 60 },
    (_, i) =>
      i % 3 === 0
        ? a!.send(f32(20_000).fill(i), { to: 1, tag: 3 })
        : a!.send(Float32Array.of(i), { to: 1, tag: 3 }),
  );
  const got: number[] = [];
  for (let i = 0; i < sent.length; i++) {
    const { data } = await world.until(b!.recv<Float32Array>({ tag: 3 }));
    got.push(data[0]!);
  }
  deepStrictEqual(got, sent.map((_, i) => i));
  await world.until(Promise.all(sent));
  await world.close();
});

Deno.test("Comm.probe() and iprobe() tell of a message and leave it", async () => {
  const world = openMemoryWorld({ size: 2 });
  const [a, b] = world.comms;
  strictEqual(b!.iprobe(), undefined);
  const sending = a!.send(new Float64Array(4000), { to: 1, tag: 8 });
  const envelope = { source: 0, tag: 8, type: "f64", length: 4000 };
  deepStrictEqual(await world.until(b!.probe({ from: 0 })), envelope);
  deepStrictEqual(b!.iprobe({ tag: 8 }), envelope);
  strictEqual(b!.iprobe({ tag: 9 }), undefined);
  const into = new Float64Array(5000);
  const message = await world.until(b!.recv({ into, tag: ANY_TAG }));
  strictEqual(message.data.buffer, into.buffer);
  strictEqual(message.data.length, 4000);
  await world.until(sending);
  await world.close();
});

Deno.test("Comm.recv() refuses a message that does not fit its memory", async () => {
  const world = openMemoryWorld({ size: 2 });
  const [a, b] = world.comms;
  for (
    const [into, error, text] of [
      [f32(2), RangeError, /f32\[3\] from rank 0 with tag 0 into 2 elements/],
      [new Int32Array(3), TypeError, /Cannot receive f32\[3\].*into i32\[3\]/],
    ] as const
  ) {
    const sending = a!.send(f32(3), { to: 1 });
    await rejects(
      world.until(b!.recv({ into: into as Float32Array })),
      (reason) => reason instanceof error && text.test(reason.message),
    );
    await world.until(sending);
  }
  await world.close();
});

Deno.test("an AbortSignal ends a wait for a message and nothing else", async () => {
  const world = openMemoryWorld({ size: 2 });
  const [a, b] = world.comms;
  const abort = new AbortController();
  const waits = [
    b!.recv({ tag: 1, signal: abort.signal }),
    b!.probe({ tag: 1, signal: abort.signal }),
    a!.send(f32(100_000), { to: 1, tag: 4, signal: abort.signal }),
  ].map((wait) => rejects(wait, /enough/));
  await world.until(world.sleep(20));
  abort.abort(new Error("enough"));
  await world.until(Promise.all(waits));
  await rejects(a!.barrier({ signal: abort.signal }), /enough/);
  const sending = a!.send({ still: "alive" }, { to: 1, tag: 5 });
  const { data } = await world.until(b!.recv({ tag: 5 }));
  deepStrictEqual(data, { still: "alive" });
  await world.until(sending);
  await world.close();
});

Deno.test("an AbortSignal in a collective fails all ranks, naming the one that gave up", async () => {
  const world = openMemoryWorld({ size: 3 });
  const abort = new AbortController();
  const errors = errorsOf(
    world,
    (comm) =>
      comm.rank === 2
        ? comm.recv({ from: 0, timeoutMs: Infinity })
        : comm.barrier(comm.rank === 1 ? { signal: abort.signal } : {}),
  );
  await world.until(world.sleep(20));
  abort.abort(new Error("no time left"));
  const [first, second, third] = await errors;
  strictEqual(second!.message, "no time left");
  for (const error of [first, third]) {
    ok(error instanceof RankFailedError);
    strictEqual(error.failedRank, 1);
    ok(/it aborted barrier 1: no time left/.test(error.message));
  }
  await world.close();
});

Deno.test("a user function that throws fails all ranks with its message", async () => {
  const world = openMemoryWorld({ size: 3 });
  const op = () => {
    throw new Error("cannot add");
  };
  const errors = await errorsOf(
    world,
    (comm) => comm.allReduce(f32(3), { op }),
  );
  for (const error of errors) strictEqual(error?.message, "cannot add");
  await world.close();
});

Deno.test("Comm refuses bad arguments before anything is sent", async () => {
  const world = openMemoryWorld({ size: 2 });
  const comm = world.comms[0]!;
  const refused: (() => Promise<unknown>)[] = [
    () => comm.send(f32(1), { to: 2 }),
    () => comm.send(f32(1), { to: 0, tag: -1 }),
    () => comm.send(f32(1), { to: 1, tag: 2 ** 31 }),
    () => comm.recv({ from: 5 }),
    () => comm.broadcast(f32(1), { root: 2 }),
    () => comm.scatter(f32(3), { root: 0 }),
    () => comm.scatterv([f32(1)], { root: 0 }),
    () => comm.allToAll(f32(3)),
    () => comm.allGather(f32(3), { into: f32(5) }),
    () => comm.reduceScatter(f32(3), { counts: [1, 1] }),
    () => comm.reduceScatter(f32(3), { counts: [4, -1] }),
    () => comm.allReduce(f32(3), { into: f32(4) }),
    () => comm.allReduceShards([]),
    () => comm.allReduceShards([f32(1), f32(2)]),
    () => comm.split(0.5),
  ];
  for (const call of refused) await rejects(call, RangeError, `${call}`);
  const wrong: (() => Promise<unknown>)[] = [
    () => comm.send(new DataView(new ArrayBuffer(4)) as never, { to: 1 }),
    () => comm.allReduce(f32(3), { op: "bitwiseOr" }),
    () => comm.allReduce(new Int32Array(3), { op: "mean" }),
    () => comm.allReduce({ a: 1 }),
    () => comm.scan(f32(3), { op: "mean" }),
    () => comm.broadcast(new Int8Array(3) as never),
  ];
  for (const call of wrong) await rejects(call, TypeError, `${call}`);
  strictEqual(world.exchanges[0]!.entered, 0);
  await world.close();
});
