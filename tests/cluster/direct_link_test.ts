import { deepStrictEqual, ok, strictEqual } from "node:assert";
import { createHmac } from "node:crypto";
import { realEnv } from "../../src/env/mod.ts";
import { startNatsServer } from "../../cluster/launch/nats_server.ts";
import { chooseLink } from "../../cluster/communicator/choose_link.ts";
import { Comm, LinkCommunicator } from "../../cluster/communicator/mod.ts";
import {
  connectPeers,
  type Credentials,
  type DirectAddress,
  DirectLink,
  openNatsLink,
  runHash,
} from "../../cluster/links/mod.ts";
import type { Tuning, TuningStore } from "../../cluster/communicator/tuning.ts";
import { tuningFolder } from "../../cluster/communicator/tuning_folder.ts";
import { subjectsOf } from "../../cluster/protocol.ts";
import { testCollectives } from "./collectives_suite.ts";

interface Options {
  size: number;
  segmentBytes?: number;
  wish?: "auto" | "direct" | "nats";
  tunings?: TuningStore;
}

const shared: { server?: Awaited<ReturnType<typeof startNatsServer>> } = {};
let folder = "";
let generation = 0;

Deno.test.beforeAll(async () => {
  folder = await Deno.makeTempDir({ prefix: "signet-direct-" });
  shared.server = await startNatsServer({ env: realEnv, folder, run: "test" });
});

Deno.test.afterAll(async () => {
  await shared.server?.stop();
  await Deno.remove(folder, { recursive: true });
});

function natsLink(credentials: Credentials, rank: number, size: number) {
  const subjects = subjectsOf(credentials.run);
  return openNatsLink(credentials, {
    rank,
    size,
    name: `rank-${rank}-data`,
    subject: (to, lane) => subjects.data(to, lane),
  });
}

async function openWorld(
  { size, segmentBytes, wish = "direct", tunings }: Options,
) {
  const credentials = shared.server!.rank;
  const warnings: string[] = [];
  const world = { run: runHash(credentials.run), generation: ++generation };
  const joined = await Promise.all(
    Array.from({ length: size }, async (_, rank) => {
      const viaNats = await natsLink(credentials, rank, size);
      const link = new DirectLink(viaNats, {
        now: () => realEnv.clock.now(),
        onLost: (lost) => warnings.push(`rank ${rank} lost rank ${lost}`),
      });
      const communicator = new LinkCommunicator({
        link,
        world: { ...world },
        env: realEnv,
        warnAfterMs: 10_000,
        deadlineMs: 20_000,
        segmentBytes,
        onWarning: () => {},
      });
      const { exchange } = communicator;
      const comm = new Comm({
        exchange,
        algorithm: "auto",
        context: exchange.world,
        hosts: new Array<string>(size).fill("here"),
      });
      const choice = await chooseLink(comm, {
        wish,
        link,
        credentials,
        machine: "here",
        env: realEnv,
        tunings,
        sweepBytes: 256 * 1024,
        onWarning: (message) => warnings.push(message),
      });
      return { communicator, link, choice };
    }),
  );
  const ranks = joined.map(({ communicator }) => communicator);
  return {
    ranks,
    links: joined.map(({ link }) => link),
    choices: joined.map(({ choice }) => choice),
    warnings,
    until: <T>(promise: Promise<T>) => promise,
    sleep: (ms: number) => realEnv.timers.sleep(ms),
    async close() {
      await Promise.all(ranks.map((rank) => rank.close()));
    },
  };
}

testCollectives("direct connections", openWorld, { runs: 25, maxSize: 4 });

Deno.test("chooseLink() measures both links when either will do, and all ranks agree", async () => {
  const world = await openWorld({ size: 3, wish: "auto" });
  const [first] = world.choices;
  ok(first!.bytesPerSecond!.nats! > 0 && first!.bytesPerSecond!.direct! > 0);
  for (const choice of world.choices) deepStrictEqual(choice, first);
  for (const link of world.links) {
    strictEqual(link.enabled, first!.link === "direct");
  }
  await world.close();
});

Deno.test("chooseLink() measures once how links are used best and keeps it for later worlds", async () => {
  const tunings = tuningFolder(realEnv.disk, `${folder}/links`);
  const first = await openWorld({ size: 2, wish: "auto", tunings });
  const { tuning, bytesPerSecond } = first.choices[0]!;
  ok(bytesPerSecond!.nats! > 0 && bytesPerSecond!.direct! > 0);
  deepStrictEqual(first.choices[1]!.tuning, tuning);
  await first.close();
  const second = await openWorld({ size: 2, wish: "auto", tunings });
  for (const choice of second.choices) {
    deepStrictEqual(choice, { link: tuning!.link, tuning });
  }
  for (const { flows } of second.links) {
    deepStrictEqual(flows, { nats: tuning!.nats, direct: tuning!.direct });
  }
  await second.close();
});

const flow = {
  lanes: 1,
  segmentBytes: 65536,
  windowBytes: 131072,
  treeBytes: 0,
};

Deno.test("chooseLink() uses the links as was found before, though only rank 0 knows it", async () => {
  const tuning: Tuning = {
    link: "nats",
    nats: { ...flow, lanes: 4, treeBytes: 1000 },
    direct: flow,
  };
  const tunings = {
    read: () => Promise.resolve(tuning),
    write: () => Promise.reject(new Error("nothing was measured")),
  };
  const world = await openWorld({ size: 3, wish: "auto", tunings });
  for (const [rank, { exchange }] of world.ranks.entries()) {
    strictEqual(exchange.treeBytes, 1000);
    strictEqual(world.links[rank]!.lanes, 4);
    strictEqual(world.links[rank]!.enabled, false);
  }
  const buffers = world.ranks.map((rank, r) =>
    rank.allocate(300_001).fill(r + 1)
  );
  await Promise.all(world.ranks.map((rank, r) => rank.allReduce(buffers[r]!)));
  for (const buffer of buffers) ok(buffer.every((value) => value === 6));
  await world.close();
});

Deno.test("tuningFolder() trusts only what was written for the same machines and works", async () => {
  const place = `${folder}/trust`;
  const store = tuningFolder(realEnv.disk, place);
  const tuning: Tuning = { link: "direct", nats: flow, direct: flow };
  const key = { hosts: ["a", "a", "b"], wish: "auto" };
  strictEqual(await store.read(key), undefined);
  await store.write(key, tuning);
  deepStrictEqual(await store.read(key), tuning);
  strictEqual(await store.read({ ...key, hosts: ["a", "b"] }), undefined);
  strictEqual(await store.read({ ...key, wish: "nats" }), undefined);
  const [file] = await realEnv.disk.list(place);
  const path = `${place}/${file!.name}`;
  const text = await realEnv.disk.readText(path);
  for (
    const [from, to] of [
      ['"lanes": 1', '"lanes": 99'],
      ['"windowBytes": 131072', '"windowBytes": 1'],
      ['"treeBytes": 0', '"treeBytes": "much"'],
      ['"link": "direct"', '"link": "pigeon"'],
      ['"version": 1', '"version": 0'],
      ["{", ""],
    ] as const
  ) {
    ok(text.includes(from), from);
    await realEnv.disk.write(path, text.replace(from, to));
    strictEqual(await store.read(key), undefined, to);
  }
  // A folder that cannot be made is no error: the next world measures again.
  await tuningFolder(realEnv.disk, `${path}/below-a-file`).write(key, tuning);
});

Deno.test("DirectLink goes on through NATS, with a warning, when a connection breaks in mid-collective", async () => {
  const world = await openWorld({ size: 3, segmentBytes: 16 * 1024 });
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
  world.links[1]!.disconnect(2);
  await Promise.all(work);
  const expected = (1 + 2 + 3) * 3 ** (rounds - 1);
  for (const buffer of buffers) ok(buffer.every((value) => value === expected));
  deepStrictEqual(world.warnings.sort(), [
    "rank 1 lost rank 2",
    "rank 2 lost rank 1",
  ]);
  await world.close();
});

Deno.test("connectPeers() refuses a stranger, a wrong token and a token that was used", async () => {
  const warnings: string[] = [];
  const giveUp = new AbortController();
  const shown = Promise.withResolvers<DirectAddress>();
  const options = {
    env: realEnv,
    size: 64,
    machine: "here",
    addresses: [],
    timeoutMs: 20_000,
    signal: giveUp.signal,
    onWarning: (message: string) => warnings.push(message),
  };
  const zero = Promise.withResolvers<DirectAddress[]>();
  const listening = connectPeers({
    ...options,
    rank: 0,
    exchange: (own) => {
      shown.resolve(own);
      return zero.promise;
    },
  });
  const address = await shown.promise;
  zero.resolve([address]);
  // All ranks learn those of all.
  ok(JSON.stringify(address).length < 200, "grows with the ranks");
  const token = createHmac("sha256", address.secret).update("1").digest();
  const attempt = async (token: Uint8Array, rank: number) => {
    const socket = await Deno.connect({
      hostname: "127.0.0.1",
      port: address.port,
    });
    const hello = new Uint8Array(36);
    hello.set(token);
    new DataView(hello.buffer).setUint32(32, rank);
    await socket.write(hello);
    const answer = await socket.read(new Uint8Array(1)).catch(() => null);
    return { socket, answer };
  };
  const wrong = await attempt(new Uint8Array(32), 1);
  strictEqual(wrong.answer, null);
  const outside = await attempt(token, 64);
  strictEqual(outside.answer, null);
  const other = await attempt(token, 2);
  strictEqual(other.answer, null);
  const right = await attempt(token, 1);
  strictEqual(right.answer, 1);
  const again = await attempt(token, 1);
  strictEqual(again.answer, null);
  giveUp.abort();
  const peers = await listening;
  ok(peers[1] !== undefined);
  strictEqual(warnings.length, 4);
  ok(warnings.every((text) => /refused a stranger/.test(text)));
  // The listener is gone: nobody can come later.
  await Deno.connect({ hostname: "127.0.0.1", port: address.port }).then(
    () => ok(false, "the listener is still there"),
    () => {},
  );
  for (const { socket } of [wrong, outside, other, right, again]) {
    socket.close();
  }
  peers[1].close();
});

Deno.test("connectPeers() closes connections that come when it has given up", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const giveUp = new AbortController();
  const machine = "here";
  const { port } = listener.addr;
  const secret = "00".repeat(32);
  const connecting = connectPeers({
    env: realEnv,
    rank: 1,
    size: 2,
    machine,
    addresses: [],
    timeoutMs: 20_000,
    signal: giveUp.signal,
    onWarning: () => {},
    exchange: (own) =>
      Promise.resolve([
        { machine, addresses: [], port, secret },
        own,
      ]),
  });
  using socket = await listener.accept();
  listener.close();
  await socket.read(new Uint8Array(36));
  giveUp.abort();
  deepStrictEqual(await connecting, [undefined, undefined]);
  // Welcome, too late.
  await socket.write(new Uint8Array([1]));
  const late = setTimeout(() => socket.close(), 10_000);
  strictEqual(await socket.read(new Uint8Array(1)), null);
  clearTimeout(late);
});
