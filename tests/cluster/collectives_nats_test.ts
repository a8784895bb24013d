import { deepStrictEqual, ok } from "node:assert";
import { realEnv } from "../../src/env/mod.ts";
import { startNatsProcess } from "../../cluster/launch/nats_process.ts";
import { findNatsServer } from "../../cluster/launch/nats_binary.ts";
import { startNatsServer } from "../../cluster/launch/nats_server.ts";
import {
  CollectiveTimeoutError,
  LinkCommunicator,
} from "../../cluster/communicator/mod.ts";
import {
  type Credentials,
  openNatsLink,
  runHash,
} from "../../cluster/links/mod.ts";
import { subjectsOf } from "../../cluster/protocol.ts";
import { testCollectives } from "./collectives_suite.ts";

interface Options {
  size: number;
  segmentBytes?: number;
  generation: number;
  deadlineMs?: number;
}

async function openWorld(credentials: Credentials, options: Options) {
  const { size, segmentBytes, generation, deadlineMs = 60_000 } = options;
  const subjects = subjectsOf(credentials.run);
  const ranks = await Promise.all(
    Array.from({ length: size }, async (_, rank) =>
      new LinkCommunicator({
        link: await openNatsLink(credentials, {
          rank,
          size,
          name: `rank-${rank}-data`,
          subject: (to, lane) => subjects.data(to, lane),
        }),
        world: { run: runHash(credentials.run), generation },
        env: realEnv,
        warnAfterMs: deadlineMs / 6,
        deadlineMs,
        segmentBytes,
        onWarning: () => {},
      })),
  );
  return {
    ranks,
    until: <T>(promise: Promise<T>) => promise,
    sleep: (ms: number) => realEnv.timers.sleep(ms),
    async close() {
      await Promise.all(ranks.map((rank) => rank.close()));
    },
  };
}

const shared: { server?: Awaited<ReturnType<typeof startNatsServer>> } = {};
let folder = "";
let generation = 0;

Deno.test.beforeAll(async () => {
  folder = await Deno.makeTempDir({ prefix: "signet-nats-" });
  shared.server = await startNatsServer({ env: realEnv, folder, run: "test" });
});

Deno.test.afterAll(async () => {
  await shared.server?.stop();
  await Deno.remove(folder, { recursive: true });
});

testCollectives(
  "a NATS server",
  (options) =>
    openWorld(shared.server!.rank, { ...options, generation: ++generation }),
  { runs: 25, maxSize: 4 },
);

Deno.test("Communicator ends with the right sums when the NATS server is killed and restarted in mid-collective", async () => {
  const server = shared.server!;
  const world = await openWorld(server.rank, {
    size: 3,
    generation: ++generation,
    segmentBytes: 64 * 1024,
  });
  const rounds = 8;
  const buffers = world.ranks.map((rank, r) =>
    rank.allocate(500_000).fill(r + 1)
  );
  const third = Promise.withResolvers<void>();
  const work = world.ranks.map(async (rank, r) => {
    for (let round = 0; round < rounds; round++) {
      await rank.allReduce(buffers[r]!);
      if (round === 2) third.resolve();
    }
  });
  await third.promise;
  Deno.kill(server.pid, "SIGKILL");
  await server.ended;
  ok(world.ranks.every(({ exchange }) => exchange.entered < rounds));
  await server.restart();
  await Promise.all(work);
  const expected = (1 + 2 + 3) * 3 ** (rounds - 1);
  for (const buffer of buffers) ok(buffer.every((value) => value === expected));
  ok(world.ranks.some(({ exchange }) => exchange.counts.resent > 0));
  await world.close();
});

Deno.test("Communicator fails naming the rank whose link is gone", async () => {
  const world = await openWorld(shared.server!.rank, {
    size: 3,
    generation: ++generation,
    deadlineMs: 4000,
  });
  await Promise.all(world.ranks.map((rank) => rank.barrier()));
  await world.ranks[1]!.close();
  const results = await Promise.allSettled(
    [0, 2].map((rank) =>
      world.ranks[rank]!.allReduce(world.ranks[rank]!.allocate(1000))
    ),
  );
  for (const result of results) {
    ok(result.status === "rejected");
    ok(result.reason instanceof CollectiveTimeoutError);
    deepStrictEqual(result.reason.missingRanks, [1]);
  }
  await world.close();
});

Deno.test("openNatsLink() keeps frames below the max_payload of the server", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-nats-" });
  const config = `${folder}/nats.conf`;
  await Deno.writeTextFile(
    config,
    'listen: "127.0.0.1:-1"\nmax_payload: 8KB\n',
  );
  const server = await startNatsProcess({
    env: realEnv,
    binary: await findNatsServer(),
    config,
    folder,
  });
  const world = await openWorld({
    url: server.url,
    run: "small",
    user: "nobody",
    password: "none",
    inbox: "_INBOX",
  }, { size: 2, generation: 1 });
  const buffers = world.ranks.map((rank, r) => rank.allocate(50_000).fill(r));
  await Promise.all(world.ranks.map((rank, r) => rank.allReduce(buffers[r]!)));
  for (const buffer of buffers) ok(buffer.every((value) => value === 1));
  await world.close();
  await server.stop();
  await Deno.remove(folder, { recursive: true });
});
