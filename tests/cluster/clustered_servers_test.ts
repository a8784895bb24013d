import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import { EnvironmentError, realEnv } from "../../src/env/mod.ts";
import { makeCertificates } from "../../cluster/launch/certificates.ts";
import type { ServerTls } from "../../cluster/launch/nats_config.ts";
import {
  type NatsServer,
  newUsers,
  startNatsServer,
} from "../../cluster/launch/nats_server.ts";
import { connectControl } from "../../cluster/links/mod.ts";
import { subjectsOf } from "../../cluster/protocol.ts";
import { openNatsWorld } from "../helpers/nats_world.ts";

const users = newUsers(realEnv, "test");
const word = { user: "route", password: realEnv.randomBytes(24).toHex() };

/**
 * Servers as those of several machines, each with an address of its own, from which
 * it does not call the others; all but the first know the first only.
 */
async function withServers(
  count: number,
  test: (servers: NatsServer[], folder: string) => Promise<void>,
  secure = false,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "signet-cluster-" });
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(folder, { recursive: true }));
  const tls: { tls?: ServerTls } = secure
    ? {
      tls: await makeCertificates({
        env: realEnv,
        folder: `${folder}/tls`,
        hosts: Array.from({ length: count }, (_, node) => addressOf(node)),
      }),
    }
    : {};
  const servers: NatsServer[] = [];
  for (let node = 0; node < count; node++) {
    const routes = servers.slice(0, 1).map(({ clusterAddress }) =>
      clusterAddress!
    );
    servers.push(stack.use(
      await startNatsServer({
        env: realEnv,
        folder: `${folder}/node-${node}`,
        run: "test",
        users,
        host: addressOf(node),
        ...tls,
        cluster: { host: addressOf(node), port: -1, routes, ...word },
      }),
    ));
  }
  await untilJoined(servers);
  await test(servers, folder);
}

function addressOf(node: number): string {
  return `127.0.0.${node + 1}`;
}

/** Until a message of each server's client reaches those of all others. */
async function untilJoined(servers: readonly NatsServer[]): Promise<void> {
  const { heartbeat } = subjectsOf("test");
  const controls = await Promise.all(
    servers.map(({ coordinator }, node) =>
      connectControl(coordinator, { name: `coordinator-${node}` })
    ),
  );
  const heard = new Set<string>();
  controls.forEach((control, to) =>
    control.subscribe(heartbeat, (from) => heard.add(`${from} to ${to}`))
  );
  while (heard.size < servers.length ** 2) {
    controls.forEach((control, from) => control.publish(heartbeat, from));
    await realEnv.timers.sleep(50);
  }
  await Promise.all(controls.map((control) => control.close()));
}

for (const [nodes, size] of [[2, 2], [2, 4], [3, 3]] as const) {
  Deno.test(`an all-reduce of ${size} ranks over ${nodes} clustered servers is right`, async () => {
    await withServers(nodes, async (servers) => {
      const world = await openNatsWorld(
        Array.from(
          { length: size },
          (_, rank) => servers[Math.floor(rank * nodes / size)]!.rank,
        ),
      );
      for (const length of [1, 1000, 300_001]) {
        const buffers = world.ranks.map((rank, r) =>
          rank.allocate(length).fill(r + 1)
        );
        await Promise.all(
          world.ranks.map((rank, r) => rank.allReduce(buffers[r]!)),
        );
        const sum = size * (size + 1) / 2;
        for (const values of buffers) {
          ok(values.every((value) => value === sum));
        }
      }
      await world.close();
    });
  });
}

Deno.test("a collective over three clustered servers ends with the right sum when one is killed and restarted", async () => {
  await withServers(3, async (servers) => {
    const world = await openNatsWorld(servers.map(({ rank }) => rank), {
      segmentBytes: 64 * 1024,
    });
    const rounds = 8;
    const buffers = world.ranks.map((rank, r) =>
      rank.allocate(300_000).fill(r + 1)
    );
    const third = Promise.withResolvers<void>();
    const work = Promise.all(world.ranks.map(async (rank, r) => {
      for (let round = 0; round < rounds; round++) {
        await rank.allReduce(buffers[r]!);
        if (round === 2) third.resolve();
      }
    }));
    await third.promise;
    const struck = servers[1]!;
    Deno.kill(struck.pid, "SIGKILL");
    await struck.ended;
    ok(world.ranks.every(({ exchange }) => exchange.entered < rounds));
    await struck.restart();
    await work;
    const expected = 6 * 3 ** (rounds - 1);
    for (const buffer of buffers) ok(buffer.every((x) => x === expected));
    await world.close();
  });
});

Deno.test("clustered servers talk through TLS, refuse a server without the word, and report each other's clients", async () => {
  await withServers(2, async (servers, folder) => {
    await using control = await connectControl(servers[0]!.coordinator, {
      name: "coordinator",
      system: servers[0]!.system,
    });
    const lost: string[] = [];
    control.onDisconnect(({ name }) => lost.push(name));
    await control.flush();
    // Events of the other server come once it knows of the subscription.
    while (lost.length === 0) {
      const rank = await connectControl(servers[1]!.rank, { name: "rank-1" });
      await rank.close();
      await realEnv.timers.sleep(50);
    }
    strictEqual(lost[0], "rank-1");

    const stranger = await startNatsServer({
      env: realEnv,
      folder: `${folder}/stranger`,
      run: "test",
      users,
      tls: await makeCertificates({
        env: realEnv,
        folder: `${folder}/tls`,
        hosts: [],
      }),
      cluster: {
        host: "127.0.0.1",
        port: -1,
        routes: [servers[0]!.clusterAddress!],
        user: "route",
        password: "guess",
      },
    });
    const { heartbeat } = subjectsOf("test");
    const heard: unknown[] = [];
    control.subscribe(heartbeat, (from) => heard.push(from));
    await control.flush();
    const behind = await connectControl(stranger.rank, { name: "behind" });
    for (let i = 0; i < 10; i++) {
      behind.publish(heartbeat, "from the stranger");
      await realEnv.timers.sleep(50);
    }
    await behind.close();
    deepStrictEqual(heard, []);
    await stranger.stop();
    await rejects(
      connectControl({ ...servers[1]!.rank, password: "no" }, { name: "x" }),
      EnvironmentError,
    );
  }, true);
});
