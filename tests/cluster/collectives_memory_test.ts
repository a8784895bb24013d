import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import {
  CollectiveMismatchError,
  CollectiveTimeoutError,
  LinkCommunicator,
  RankFailedError,
  type Wait,
} from "../../cluster/communicator/mod.ts";
import { type Fate, MemoryNetwork } from "../../cluster/links/mod.ts";
import { uniform } from "../helpers/mod.ts";
import { testCollectives } from "./collectives_suite.ts";
import { VirtualTime } from "./links_virtual_time.ts";

interface Options {
  size: number;
  /** So many ranks are not there yet. */
  late?: number;
  time?: VirtualTime;
  segmentBytes?: number;
  fate?: (from: number, to: number, frame: Uint8Array) => Fate;
  onWarning?: (rank: number, wait: Wait) => void;
}

function openWorld(options: Options) {
  const { size, late = 0, segmentBytes, fate, onWarning } = options;
  const { time = new VirtualTime() } = options;
  const network = new MemoryNetwork({
    size,
    timers: time.timers,
    ...(fate === undefined ? {} : { fate }),
  });
  const open = (rank: number) =>
    new LinkCommunicator({
      link: network.link(rank),
      world: { run: 7, generation: 1 },
      env: time,
      warnAfterMs: 10_000,
      deadlineMs: 60_000,
      segmentBytes,
      onWarning: (wait) => onWarning?.(rank, wait),
    });
  const ranks = Array.from(
    { length: size - late },
    (_, rank) => open(rank),
  );
  return {
    ranks,
    network,
    /** The next of those that are late. */
    come: () => ranks.push(open(ranks.length)),
    until: <T>(promise: Promise<T>) => time.until(promise),
    sleep: (ms: number) => time.timers.sleep(ms),
    async close() {
      for (const rank of ranks) await rank.close();
      network.close();
    },
  };
}

/** Loses, repeats, delays and damages frames, each by a chance of its own. */
function badNetwork(seed: number): () => Fate {
  const next = uniform(seed);
  const [loss, repetition, damage] = [next() / 4, next() / 4, next() / 8];
  const slowness = next() * 40;
  return () => {
    if (next() < loss) return { arrivals: [] };
    const arrivals = [next() * slowness];
    if (next() < repetition) arrivals.push(next() * slowness * 3);
    const flipBit = Math.floor(next() * 4096);
    return next() < damage ? { arrivals, flipBit } : { arrivals };
  };
}

testCollectives(
  "a prompt network",
  (options) => Promise.resolve(openWorld(options)),
  { runs: 60, maxSize: 6 },
);

testCollectives(
  "a network that loses, repeats, reorders and damages frames",
  (options) =>
    Promise.resolve(
      openWorld({ ...options, fate: badNetwork(options.seed) }),
    ),
  { runs: 100, maxSize: 6 },
);

Deno.test("Communicator sums 16 MB with windows and credits over a bad network", async () => {
  const world = openWorld({ size: 3, fate: badNetwork(5) });
  const buffers = world.ranks.map((rank, r) =>
    rank.allocate(4_000_000).fill(r + 1)
  );
  await world.until(
    Promise.all(world.ranks.map((rank, r) => rank.allReduce(buffers[r]!))),
  );
  for (const buffer of buffers) ok(buffer.every((value) => value === 6));
  const { resent, duplicate, corrupt } = world.ranks[0]!.exchange.counts;
  ok(resent > 0 && duplicate > 0 && corrupt > 0);
  await world.close();
});

Deno.test("Communicator soon sends again what came before a rank listened, and does not count it as lost", async () => {
  const time = new VirtualTime();
  const world = openWorld({ size: 2, late: 1, time });
  const before = world.ranks[0]!.barrier();
  await world.until(world.sleep(3000));
  world.come();
  const came = time.clock.now();
  await world.until(Promise.all([before, world.ranks[1]!.barrier()]));
  ok(time.clock.now() - came <= 100, `${time.clock.now() - came} ms`);
  for (const { exchange } of world.ranks) {
    const { resent, duplicate } = exchange.counts;
    deepStrictEqual([resent, duplicate], [0, 0]);
  }
  await world.close();
});

Deno.test("Communicator keeps at most 4 MB on the way when a rank is late", async () => {
  let onTheWay = 0;
  let most = 0;
  const world = openWorld({
    size: 2,
    fate: (from, _to, { length }) => {
      if (from === 0) onTheWay += length;
      else onTheWay = 0;
      most = Math.max(most, onTheWay);
      return { arrivals: [1] };
    },
  });
  const [first, second] = world.ranks.map((rank) =>
    rank.allocate(8_000_000).fill(1)
  );
  const sending = world.ranks[0]!.broadcast(first!, 0);
  await world.until(world.sleep(5000));
  const receiving = world.ranks[1]!.broadcast(second!.fill(0), 0);
  await world.until(Promise.all([sending, receiving]));
  ok(second!.every((value) => value === 1));
  ok(most <= 6 * 1024 * 1024, `${most} bytes were on the way`);
  await world.close();
});

Deno.test("Communicator warns after 10 s and fails after 60 s naming the rank that does not call", async () => {
  const warnings: [number, readonly number[]][] = [];
  const world = openWorld({
    size: 4,
    onWarning: (rank, wait) => warnings.push([rank, wait.missingRanks]),
  });
  const late = 2;
  const results = await world.until(Promise.allSettled(
    world.ranks.filter(({ rank }) => rank !== late)
      .map((rank) => rank.allReduce(rank.allocate(100))),
  ));
  const errors = results.map((result) =>
    result.status === "rejected" && result.reason
  );
  for (const error of errors) {
    ok(error instanceof CollectiveTimeoutError);
    deepStrictEqual(error.missingRanks, [late]);
    ok(error.message.includes("rank 2 has not called it for 60 s"));
  }
  deepStrictEqual(warnings.sort(), [[0, [2]], [1, [2]], [3, [2]]]);
  await world.close();
});

Deno.test("Communicator names the rank that went silent in mid-collective", async () => {
  const dead = 1;
  const time = new VirtualTime();
  const world = openWorld({
    size: 4,
    time,
    segmentBytes: 40,
    fate: (from, to) => ({
      arrivals: time.clock.now() > 20 && (from === dead || to === dead)
        ? []
        : [2],
    }),
  });
  const results = await world.until(Promise.allSettled(
    world.ranks.map((rank) => rank.allReduce(rank.allocate(100_000))),
  ));
  const errors = results.filter((_, rank) => rank !== dead)
    .map((result) => result.status === "rejected" && result.reason);
  for (const error of errors) {
    ok(error instanceof CollectiveTimeoutError);
    deepStrictEqual(error.missingRanks, [dead]);
  }
  await world.close();
});

Deno.test("Communicator goes on without an error when a rank pauses for 30 s", async () => {
  const time = new VirtualTime();
  const world = openWorld({
    size: 3,
    time,
    segmentBytes: 400,
    fate: (from, to) => {
      const now = time.clock.now();
      const paused = (from === 1 || to === 1) && now > 2 && now < 30_000;
      return { arrivals: [paused ? 30_000 - now : 1] };
    },
  });
  const buffers = world.ranks.map((rank) => rank.allocate(20_000).fill(1));
  await world.until(
    Promise.all(world.ranks.map((rank, r) => rank.allReduce(buffers[r]!))),
  );
  for (const buffer of buffers) ok(buffer.every((value) => value === 3));
  ok(time.clock.now() >= 30_000);
  await world.close();
});

Deno.test("Communicator goes on after an interruption in which all was lost", async () => {
  let cut = false;
  const world = openWorld({
    size: 3,
    segmentBytes: 400,
    fate: () => ({ arrivals: cut ? [] : [1] }),
  });
  const buffers = world.ranks.map((rank) => rank.allocate(20_000).fill(1));
  const work = Promise.all(
    world.ranks.map((rank, r) => rank.allReduce(buffers[r]!)),
  );
  await world.until(world.sleep(5));
  cut = true;
  await world.until(world.sleep(9000));
  cut = false;
  world.network.restore();
  await world.until(work);
  for (const buffer of buffers) ok(buffer.every((value) => value === 3));
  await world.close();
});

Deno.test("Communicator begins soon after the last rank has come, however long it took", async () => {
  const time = new VirtualTime();
  const network = new MemoryNetwork({ size: 2, timers: time.timers });
  const join = (rank: number) =>
    new LinkCommunicator({
      link: network.link(rank),
      world: { run: 7, generation: 1 },
      env: time,
      warnAfterMs: 10_000,
      deadlineMs: 60_000,
      onWarning: () => {},
    });
  const first = join(0);
  const waiting = first.barrier();
  await time.until(time.timers.sleep(30_000));
  const second = join(1);
  await time.until(Promise.all([waiting, second.barrier()]));
  ok(time.clock.now() < 31_000);
  await first.close();
  await second.close();
});

Deno.test("Communicator fails on both ranks when they make different calls", async () => {
  const world = openWorld({ size: 2 });
  const [a, b] = world.ranks;
  const calls = [a!.allReduce(a!.allocate(10)), b!.allReduce(b!.allocate(11))];
  for (const call of calls) {
    await rejects(world.until(call), (error) => {
      ok(error instanceof CollectiveMismatchError);
      strictEqual(
        error.message,
        "Cannot match call 1 of ranks 0 and 1: rank 0 called all-reduce of sum f32[10] by tree, rank 1 called all-reduce of sum f32[11] by tree",
      );
      return true;
    });
  }
  await world.close();
});

Deno.test("Communicator runs calls on the same memory one after the other", async () => {
  const world = openWorld({ size: 3, segmentBytes: 100, fate: badNetwork(3) });
  const buffers = world.ranks.map((rank) => rank.allocate(200).fill(1));
  await world.until(Promise.all(world.ranks.flatMap((rank, r) => [
    rank.allReduce(buffers[r]!),
    rank.allReduce(buffers[r]!.subarray(0, 100)),
    rank.allReduce(buffers[r]!.subarray(99)),
    rank.broadcast(buffers[r]!, 2),
  ])));
  const expected = Array.from({ length: 200 }, (_, i) => i === 99 ? 27 : 9);
  for (const buffer of buffers) deepStrictEqual([...buffer], expected);
  await world.close();
});

Deno.test("Communicator rejects bad arguments before anything is sent", async () => {
  const world = openWorld({ size: 2 });
  const rank = world.ranks[0]!;
  const buffer = rank.allocate(4);
  for (
    const offsets of [[0, 2], [0, 3, 2], [0, 2, 5], [-1, 2, 4], [0, 1.5, 4]]
  ) {
    await rejects(
      async () => await rank.allGather(buffer, offsets),
      RangeError,
    );
  }
  for (const root of [-1, 2, 0.5, NaN]) {
    await rejects(async () => await rank.broadcast(buffer, root), RangeError);
  }
  strictEqual(rank.exchange.entered, 0);
  await world.close();
});

Deno.test("Exchange.fail() rejects what waits and what comes, naming the rank", async () => {
  const world = openWorld({ size: 3 });
  const rank = world.ranks[0]!;
  const pending = [rank.barrier(), rank.allReduce(rank.allocate(5))];
  rank.exchange.fail(new RankFailedError("killed by signal 9", 2));
  pending.push(rank.barrier());
  for (const call of pending) {
    await rejects(world.until(call), {
      name: "RankFailedError",
      failedRank: 2,
      message: "Cannot go on without rank 2: killed by signal 9",
    });
  }
  await world.close();
});

/** A wire from each rank that carries so many bytes a second, one frame after the other. */
function slowNetwork(time: VirtualTime, bytesPerSecond: number) {
  const free: number[] = [];
  const network = {
    bytes: 0,
    fate(from: number, _to: number, frame: Uint8Array): Fate {
      const now = time.clock.now();
      const end = Math.max(now, free[from] ?? 0) +
        frame.length * 1000 / bytesPerSecond;
      free[from] = end;
      network.bytes += frame.length;
      return { arrivals: [end - now + 1] };
    },
  };
  return network;
}

Deno.test("Communicator sends nothing twice over a network that loses nothing, however slow it is", async () => {
  for (const bytesPerSecond of [20e3, 200e3, 10e6]) {
    const time = new VirtualTime();
    const network = slowNetwork(time, bytesPerSecond);
    const world = openWorld({ size: 2, time, fate: network.fate });
    const buffers = world.ranks.map((rank) => rank.allocate(1_000_000));
    await world.until(
      Promise.all(world.ranks.map((rank, r) => rank.allReduce(buffers[r]!))),
    );
    const payload = 2 * buffers[0]!.byteLength;
    const share = network.bytes / payload;
    ok(share < 1.05, `${bytesPerSecond} B/s: ${share}`);
    strictEqual(world.ranks[0]!.exchange.counts.resent, 0);
    await world.close();
  }
});
