/**
 * Messages of random sizes between three ranks while everything goes wrong by
 * seed, each one's content and order checked, and a look at the memory.
 *
 * Usage: deno run -A --v8-flags=--expose-gc tests/chaos/soak.ts \
 *   [--messages N] [--seed S]
 *
 * Prints one JSON object; exit code 1 if memory has grown by more than 5 %.
 */
import { strictEqual } from "node:assert";
import { Buffer } from "node:buffer";
import { parseArgs } from "@std/cli/parse-args";
import { realEnv } from "../../src/env/mod.ts";
import {
  ANY_SOURCE,
  ANY_TAG,
  Comm,
  LinkCommunicator,
} from "../../cluster/communicator/mod.ts";
import { Console } from "../../cluster/console.ts";
import { startNatsServer } from "../../cluster/launch/nats_server.ts";
import { openNatsLink, runHash } from "../../cluster/links/mod.ts";
import { subjectsOf } from "../../cluster/protocol.ts";
import { type Fault, FaultProxy, FAULTS } from "../helpers/fault_proxy.ts";
import { uniform } from "../helpers/random.ts";

const SIZE = 3;
/** Messages that each rank sends between two collectives. */
const BATCH = 250;
const OUTSTANDING = 24;
const LONGEST = 64 * 1024;
/** One message in so many is of 1 MB. */
const LARGE_EVERY = 1000;
const SAMPLES = 40;
const MOST_GROWTH = 0.05;

/** One protocol message in so many meets the fault. */
const EVERY: Record<Fault, number> = {
  reset: 40_000,
  lose: 2000,
  delay: 2000,
  reorder: 200,
  duplicate: 200,
  corrupt: 4000,
  oversized: 40_000,
  foreign: 500,
};

declare const gc: (() => void) | undefined;

/** What one rank sends another as its k-th message. */
interface Letter {
  to: number;
  bytes: Uint8Array<ArrayBuffer>;
}

/** Any part of it looks like no other. */
const BASE = new Uint8Array(2 ** 21);
const random = uniform(99);
for (let i = 0; i < BASE.length; i++) BASE[i] = 256 * random();

function letter(seed: number, from: number, k: number): Letter {
  const next = uniform(seed * 1_000_003 + k * SIZE + from);
  next();
  const to = (from + 1 + Math.floor(next() * (SIZE - 1))) % SIZE;
  const length = next() * LARGE_EVERY < 1
    ? 2 ** 20
    : Math.floor(LONGEST ** next());
  const at = Math.floor(next() * (BASE.length - length));
  return { to, bytes: BASE.subarray(at, at + length) };
}

function faultsBySeed(seed: number): () => Fault | undefined {
  const next = uniform(seed);
  return () => FAULTS.find((fault) => next() * EVERY[fault] < 1);
}

/** Sends and receives one batch, both at once. */
async function exchange(comm: Comm, seed: number, batch: number) {
  const numbers = Array.from({ length: BATCH }, (_, i) => batch * BATCH + i);
  const expected = Array.from(
    { length: SIZE },
    (_, from) =>
      numbers.filter((k) =>
        from !== comm.rank && letter(seed, from, k).to === comm.rank
      ),
  );
  const send = async () => {
    const waiting: Promise<void>[] = [];
    for (const k of numbers) {
      const { to, bytes } = letter(seed, comm.rank, k);
      waiting.push(comm.send(bytes, { to, tag: k }));
      if (waiting.length >= OUTSTANDING) await waiting.shift();
    }
    await Promise.all(waiting);
  };
  const receive = async () => {
    const total = expected.reduce((sum, { length }) => sum + length, 0);
    for (let i = 0; i < total; i++) {
      const { source, tag, data } = await comm.recv<Uint8Array>({
        from: ANY_SOURCE,
        tag: ANY_TAG,
      });
      strictEqual(tag, expected[source]!.shift(), "messages keep their order");
      const { bytes } = letter(seed, source, tag);
      strictEqual(Buffer.compare(data, bytes), 0, "messages are whole");
    }
  };
  await Promise.all([send(), receive()]);
  const sums = new Float32Array(1000).fill(batch + comm.rank);
  await comm.allReduce(sums);
  strictEqual(sums.every((sum) => sum === 3 * batch + 3), true, "sums");
}

/**
 * Bytes that the program holds. A collection leaves the memory of array buffers to a
 * thread that frees it by and by; the next one waits for that.
 */
function held(): { heap: number; rss: number } {
  gc?.();
  gc?.();
  const { heapUsed, external, rss } = Deno.memoryUsage();
  return { heap: heapUsed + external, rss };
}

/**
 * Growth from the second quarter of the samples to the last, as a fraction, of
 * their lower quartiles: what is on its way at the moment is no leak, and one sample
 * alone may find hardly anything on its way.
 */
function growth(samples: readonly number[]): number {
  const quarter = SAMPLES / 4;
  const low = (part: readonly number[]) =>
    part.toSorted((a, b) => a - b)[Math.floor(part.length / 4)]!;
  return low(samples.slice(-quarter)) /
      low(samples.slice(quarter, 2 * quarter)) - 1;
}

async function soak(messages: number, seed: number) {
  const folder = await Deno.makeTempDir({ prefix: "signet-soak-" });
  await using server = await startNatsServer({
    env: realEnv,
    folder,
    run: "soak",
  });
  const target = {
    hostname: "127.0.0.1",
    port: Number(new URL(server.url).port),
  };
  const fault = faultsBySeed(seed);
  const proxies = Array.from(
    { length: SIZE },
    () => new FaultProxy({ target, framing: "nats", fault }),
  );
  const subjects = subjectsOf("soak");
  const ranks = await Promise.all(
    proxies.map(async (proxy, rank) =>
      new LinkCommunicator({
        link: await openNatsLink(
          { ...server.rank, url: `nats://127.0.0.1:${proxy.port}` },
          {
            rank,
            size: SIZE,
            name: `rank-${rank}`,
            subject: (to, lane) => subjects.data(to, lane),
          },
        ),
        world: { run: runHash("soak"), generation: 1 },
        env: realEnv,
        warnAfterMs: 10_000,
        deadlineMs: 60_000,
        onWarning: () => {},
      })
    ),
  );
  const comms = ranks.map(({ exchange }) =>
    new Comm({
      exchange,
      algorithm: "auto",
      context: exchange.world,
      hosts: new Array<string>(SIZE).fill("here"),
    })
  );
  const batches = Math.ceil(messages / (SIZE * BATCH) / SAMPLES) * SAMPLES;
  const samples: ReturnType<typeof held>[] = [];
  const start = performance.now();
  let restarts = 0;
  for (let batch = 0; batch < batches; batch++) {
    const work = Promise.all(comms.map((comm) => exchange(comm, seed, batch)));
    if (batch % (batches / 4) === batches / 8) {
      Deno.kill(server.pid, "SIGKILL");
      await server.ended;
      await server.restart();
      restarts++;
    }
    await work;
    if ((batch + 1) % (batches / SAMPLES) === 0) samples.push(held());
  }
  const seconds = (performance.now() - start) / 1000;
  const counts = ranks.map(({ exchange }) => exchange.counts);
  const done = Object.fromEntries(FAULTS.map((fault) => [
    fault,
    proxies.reduce((sum, { done }) => sum + done[fault], 0),
  ]));
  await Promise.all(ranks.map((rank) => rank.close()));
  for (const proxy of proxies) await proxy[Symbol.asyncDispose]();
  await server.stop();
  await Deno.remove(folder, { recursive: true });
  const of = (key: "heap" | "rss") => samples.map((sample) => sample[key]);
  const megabytes = (bytes: number) => Number((bytes / 2 ** 20).toFixed(1));
  return {
    messages: batches * SIZE * BATCH,
    seed,
    seconds: Math.round(seconds),
    faults: { ...done, serverKilled: restarts },
    counts: counts.reduce((sum, one) => {
      const keys = Object.keys(sum) as (keyof typeof sum)[];
      return Object.fromEntries(
        keys.map((key) => [key, sum[key] + one[key]]),
      ) as unknown as typeof sum;
    }),
    heapMegabytes: of("heap").map(megabytes),
    rssMegabytes: of("rss").map(megabytes),
    heapGrowth: growth(of("heap")),
    rssGrowth: growth(of("rss")),
  };
}

if (import.meta.main) {
  const flags = parseArgs(Deno.args, {
    string: ["messages", "seed"],
    default: { messages: "1000000", seed: "1" },
  });
  const result = await soak(Number(flags.messages), Number(flags.seed));
  new Console(realEnv).result(JSON.stringify(result));
  Deno.exit(result.heapGrowth > MOST_GROWTH ? 1 : 0);
}
