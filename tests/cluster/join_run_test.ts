import { deepStrictEqual, rejects, strictEqual } from "node:assert";
import { EnvironmentError, realEnv } from "../../src/env/mod.ts";
import { newUsers } from "../../cluster/launch/nats_server.ts";
import { serverOfNode } from "../../cluster/launch/node_server.ts";
import { joinRun } from "../../cluster/launch/join_run.ts";
import {
  type Meeting,
  meetingFile,
  writeShared,
} from "../../cluster/launch/meeting.ts";

/** Something that takes no connection, as a machine that is off takes none. */
async function openMute(): Promise<{ url: string } & Disposable> {
  using stack = new DisposableStack();
  const listener = stack.use(
    Deno.listen({ hostname: "127.0.0.1", port: 0, tcpBacklog: 1 }),
  );
  const { port } = listener.addr;
  // Those that wait to be accepted fill its queue; once may be a busy machine.
  for (let refused = 0; refused < 2;) {
    try {
      stack.use(
        await Deno.connect({ port, signal: AbortSignal.timeout(300) }),
      );
    } catch {
      refused++;
    }
  }
  const held = stack.move();
  return {
    url: `nats://127.0.0.1:${port}`,
    [Symbol.dispose]: () => held.dispose(),
  };
}

Deno.test("joinRun() finds its run although the coordinator before was on a machine that is off", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-join-" });
  await Deno.mkdir(`${folder}/nats`);
  using before = await openMute();
  using now = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const meeting = (life: string, url: string): Meeting => ({
    life,
    size: 2,
    node: "here",
    url,
  });
  await writeShared(meetingFile(folder), meeting("before", before.url));
  const joining = joinRun(realEnv, {
    runFolder: folder,
    place: { rank: 1, size: 2, together: false, launcher: "mpirun" },
  });
  await realEnv.timers.sleep(200);
  const url = `nats://127.0.0.1:${now.addr.port}`;
  await writeShared(meetingFile(folder), meeting("now", url));
  strictEqual((await joining).url, url);
  await Deno.remove(folder, { recursive: true });
});

Deno.test("serverOfNode() leaves no folder with passwords where the node's server does not start", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-join-" });
  const before = Deno.env.get("TMPDIR");
  Deno.env.set("TMPDIR", folder);
  try {
    const meeting: Meeting = {
      life: "a",
      size: 2,
      node: "n1",
      url: "nats://127.0.0.1:4222",
      servers: {
        users: newUsers(realEnv, "a"),
        route: "127.0.0.1:6222",
        user: "route",
        password: "secret",
        // No address of this machine.
        hosts: { n2: "192.0.2.1" },
      },
    };
    await rejects(
      serverOfNode(realEnv, meeting, {
        runFolder: folder,
        node: "n2",
        localRank: 0,
      }),
      EnvironmentError,
    );
    deepStrictEqual(await Array.fromAsync(Deno.readDir(folder)), []);
  } finally {
    if (before === undefined) Deno.env.delete("TMPDIR");
    else Deno.env.set("TMPDIR", before);
    await Deno.remove(folder, { recursive: true });
  }
});
