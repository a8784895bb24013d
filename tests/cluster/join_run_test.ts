import { strictEqual } from "node:assert";
import { realEnv } from "../../src/env/mod.ts";
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
