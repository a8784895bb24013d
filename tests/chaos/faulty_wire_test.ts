import { deepStrictEqual, ok } from "node:assert";
import { realEnv } from "../../src/env/mod.ts";
import {
  CollectiveTimeoutError,
  LinkCommunicator,
} from "../../cluster/communicator/mod.ts";
import {
  type NatsServer,
  startNatsServer,
} from "../../cluster/launch/nats_server.ts";
import {
  connectPeers,
  type DirectAddress,
  DirectLink,
  type Link,
  openNatsLink,
  runHash,
  type TunableLink,
} from "../../cluster/links/mod.ts";
import { subjectsOf } from "../../cluster/protocol.ts";
import { type Fault, FaultProxy, FAULTS } from "../helpers/fault_proxy.ts";
import { uniform } from "../helpers/random.ts";

const SIZE = 3;
const ROUNDS = 4;
const LENGTH = 150_000;
const DEADLINE_MS = 60_000;
/** Faults that cost a connection are few: a new one takes a while. */
const RARE: readonly Fault[] = ["reset", "corrupt", "oversized"];

const shared: { server?: NatsServer } = {};
let folder = "";
let generation = 0;

Deno.test.beforeAll(async () => {
  folder = await Deno.makeTempDir({ prefix: "signet-chaos-" });
  shared.server = await startNatsServer({ env: realEnv, folder, run: "test" });
});

Deno.test.afterAll(async () => {
  await shared.server?.stop();
  await Deno.remove(folder, { recursive: true });
});

/** Does one of `faults` to one message in `every`, by seed. */
function faultsBySeed(seed: number, faults: readonly Fault[], every: number) {
  const next = uniform(seed);
  let rare = 0;
  return (): Fault | undefined => {
    if (next() * every >= 1) return undefined;
    const fault = faults[Math.floor(next() * faults.length)]!;
    if (RARE.includes(fault) && ++rare > 6) return undefined;
    return fault;
  };
}

interface World {
  ranks: LinkCommunicator[];
  proxies: FaultProxy[];
  close(): Promise<void>;
}

function communicatorOn(link: Link, deadlineMs: number): LinkCommunicator {
  return new LinkCommunicator({
    link,
    world: { run: runHash("test"), generation },
    env: realEnv,
    warnAfterMs: deadlineMs / 6,
    deadlineMs,
    segmentBytes: 16 * 1024,
    onWarning: () => {},
  });
}

/** Every connection to the server goes through the rank's own proxy. */
async function natsWorld(
  fault: (rank: number) => Fault | undefined,
  deadlineMs = DEADLINE_MS,
): Promise<World> {
  generation++;
  const { server } = shared;
  const { hostname, port } = new URL(server!.url);
  const target = { hostname, port: Number(port) };
  const proxies = Array.from(
    { length: SIZE },
    (_, rank) =>
      new FaultProxy({ target, framing: "nats", fault: () => fault(rank) }),
  );
  const links = await Promise.all(
    proxies.map((proxy, rank) => natsLink(rank, proxy.port)),
  );
  return worldOf(links, proxies, deadlineMs);
}

function natsLink(rank: number, port: number): Promise<TunableLink> {
  const subjects = subjectsOf("test");
  return openNatsLink({
    ...shared.server!.rank,
    url: `nats://127.0.0.1:${port}`,
  }, {
    rank,
    size: SIZE,
    name: `rank-${rank}-data`,
    subject: (to, lane) => subjects.data(to, lane),
  });
}

/** Direct connections go through a proxy, those to the server do not. */
async function directWorld(fault: () => Fault | undefined): Promise<World> {
  generation++;
  const port = Number(new URL(shared.server!.url).port);
  const proxies: FaultProxy[] = [];
  const shown: DirectAddress[] = [];
  const all = Promise.withResolvers<DirectAddress[]>();
  const links = await Promise.all(
    Array.from({ length: SIZE }, async (_, rank) => {
      const link = new DirectLink(await natsLink(rank, port), {
        now: () => realEnv.clock.now(),
        onLost: () => {},
      });
      link.attach(
        await connectPeers({
          env: realEnv,
          rank,
          size: SIZE,
          machine: "here",
          addresses: [],
          timeoutMs: 5000,
          onWarning: (message) => ok(false, message),
          exchange(own) {
            const target = { hostname: "127.0.0.1", port: own.port };
            const greeting = { up: 36, down: 1 };
            const proxy = new FaultProxy({
              target,
              framing: "direct",
              fault,
              greeting,
            });
            proxies.push(proxy);
            shown[rank] = { ...own, port: proxy.port };
            if (proxies.length === SIZE) all.resolve(shown);
            return all.promise;
          },
        }),
      );
      return link;
    }),
  );
  return worldOf(links, proxies, DEADLINE_MS);
}

function worldOf(
  links: Link[],
  proxies: FaultProxy[],
  deadlineMs: number,
): World {
  const ranks = links.map((link) => communicatorOn(link, deadlineMs));
  return {
    ranks,
    proxies,
    async close() {
      await Promise.all(ranks.map((rank) => rank.close()));
      for (const proxy of proxies) await proxy[Symbol.asyncDispose]();
    },
  };
}

/** A different whole number at each place, so that nothing can stand for another. */
function valueAt(round: number, rank: number, i: number): number {
  return (i * 31 + round * 7 + rank * 1009) % 65_521;
}

/** All-reduce of many segments, gather, broadcast, and one that fits one frame. */
async function work(rank: LinkCommunicator): Promise<void> {
  const large = rank.allocate(LENGTH);
  const small = rank.allocate(5);
  const everyone = Array.from({ length: SIZE }, (_, r) => r);
  const sumAt = (round: number, i: number) =>
    everyone.reduce((sum, r) => sum + valueAt(round, r, i), 0);
  const check = (values: Float32Array, expected: (i: number) => number) => {
    for (let i = 0; i < values.length; i++) {
      if (values[i] === expected(i)) continue;
      throw new Error(`rank ${rank.rank}: ${values[i]} at ${i}`);
    }
  };
  for (let round = 0; round < ROUNDS; round++) {
    for (const values of [large, small]) {
      values.set(values.map((_, i) => valueAt(round, rank.rank, i)));
      await rank.allReduce(values);
      check(values, (i) => sumAt(round, i));
    }
    const part = LENGTH / SIZE;
    const offsets = [0, part, 2 * part, LENGTH];
    for (let i = 0; i < part; i++) {
      large[rank.rank * part + i] = valueAt(round, rank.rank, i);
    }
    await rank.allGather(large, offsets);
    check(large, (i) => valueAt(round, Math.floor(i / part), i % part));
    const root = round % SIZE;
    if (rank.rank === root) {
      large.set(large.map((_, i) => valueAt(round, 9, i)));
    }
    await rank.broadcast(large, root);
    check(large, (i) => valueAt(round, 9, i));
  }
}

function total(proxies: readonly FaultProxy[], fault: Fault): number {
  return proxies.reduce((sum, { done }) => sum + done[fault], 0);
}

const WORLDS = {
  "a NATS server": natsWorld,
  "direct connections": directWorld,
};

for (const [name, open] of Object.entries(WORLDS)) {
  for (const fault of FAULTS) {
    Deno.test(`Communicator ends with the right values over ${name} when messages meet: ${fault}`, async () => {
      const every = fault === "lose" || RARE.includes(fault) ? 60 : 20;
      const world = await open(faultsBySeed(1, [fault], every));
      await Promise.all(world.ranks.map(work));
      ok(total(world.proxies, fault) > 2, "the proxy has done it");
      await world.close();
    });
  }

  Deno.test(`Communicator ends with the right values over ${name} when all faults come together`, async () => {
    for (const seed of [11, 12]) {
      const world = await open(faultsBySeed(seed, FAULTS, 25));
      await Promise.all(world.ranks.map(work));
      await world.close();
    }
  });
}

Deno.test("Communicator goes on when a lane is gone and comes back after a while", async () => {
  const world = await natsWorld(() => undefined);
  const [, proxy] = world.proxies;
  const tried = Promise.withResolvers<void>();
  const working = Promise.all(world.ranks.map(async (rank) => {
    await rank.barrier();
    if (rank.rank === 1) {
      let attempts = 0;
      proxy!.turnAway = () => ++attempts === 2 && tried.resolve();
      proxy!.cut(1);
    }
    await work(rank);
  }));
  await tried.promise;
  proxy!.turnAway = undefined;
  await working;
  const { counts } = world.ranks[1]!.exchange;
  ok(counts.reconnects === 1, `${counts.reconnects} reconnections`);
  await world.close();
});

Deno.test("Communicator goes on through NATS when direct connections swallow everything", async () => {
  let swallow = false;
  const world = await directWorld(() => swallow ? "lose" : undefined);
  await Promise.all(world.ranks.map((rank) => rank.barrier()));
  swallow = true;
  await Promise.all(world.ranks.map(work));
  for (const { exchange } of world.ranks) ok(exchange.counts.reconnects > 0);
  await world.close();
});

Deno.test("Communicator fails within its deadline, naming the rank, when nothing of it arrives any more", async () => {
  let mute = false;
  const world = await natsWorld(
    (rank) => mute && rank === 1 ? "lose" : undefined,
    3000,
  );
  await Promise.all(world.ranks.map((rank) => rank.barrier()));
  mute = true;
  const results = await Promise.allSettled(world.ranks.map(work));
  for (const rank of [0, 2]) {
    const result = results[rank]!;
    ok(result.status === "rejected");
    ok(result.reason instanceof CollectiveTimeoutError, `${result.reason}`);
    deepStrictEqual(result.reason.missingRanks, [1]);
  }
  ok(results[1]!.status === "rejected");
  await world.close();
});
