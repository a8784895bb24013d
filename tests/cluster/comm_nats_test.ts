import { Comm, Exchange } from "../../cluster/communicator/mod.ts";
import { startNatsServer } from "../../cluster/launch/nats_server.ts";
import { openNatsLink, runHash } from "../../cluster/links/mod.ts";
import { subjectsOf } from "../../cluster/protocol.ts";
import { realEnv } from "../../src/env/mod.ts";
import {
  type CommWorld,
  type CommWorldOptions,
  testComm,
} from "./comm_suite.ts";

const shared: { server?: Awaited<ReturnType<typeof startNatsServer>> } = {};
let folder = "";
let generation = 0;

Deno.test.beforeAll(async () => {
  folder = await Deno.makeTempDir({ prefix: "signet-nats-" });
  shared.server = await startNatsServer({ env: realEnv, folder, run: "comm" });
});

Deno.test.afterAll(async () => {
  await shared.server?.stop();
  await Deno.remove(folder, { recursive: true });
});

async function openWorld(options: CommWorldOptions): Promise<CommWorld> {
  const { size, nodes, segmentBytes, algorithm } = options;
  const { rank: credentials } = shared.server!;
  const subjects = subjectsOf(credentials.run);
  const world = { run: runHash(credentials.run), generation: ++generation };
  const exchanges = await Promise.all(
    Array.from({ length: size }, async (_, rank) =>
      new Exchange({
        link: await openNatsLink(credentials, {
          rank,
          size,
          name: `rank-${rank}`,
          subject: (to) => subjects.data(to, 0),
        }),
        world,
        env: realEnv,
        warnAfterMs: 10_000,
        deadlineMs: 60_000,
        nodes,
        segmentBytes,
        onWarning: () => {},
      })),
  );
  const hosts = nodes.map((node) => `host${node}`);
  return {
    comms: exchanges.map((exchange) =>
      new Comm({ exchange, context: exchange.world, algorithm, hosts })
    ),
    until: (promise) => promise,
    sleep: (ms) => realEnv.timers.sleep(ms),
    async close() {
      await Promise.all(exchanges.map((exchange) => exchange.close()));
    },
  };
}

testComm("a NATS server", openWorld, {
  runs: 15,
  maxSize: 5,
  maxLength: 70_000,
});
