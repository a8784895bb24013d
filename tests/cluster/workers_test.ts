import { match, ok, rejects, strictEqual } from "node:assert";
import { realEnv } from "../../src/env/mod.ts";
import { takePlace } from "../../cluster/launch/mod.ts";
import {
  command,
  CommandProcess,
  eventsOf,
  teacherOnly,
  withTinyRun,
} from "./train_process.ts";

/** Uses a run that waits for workers, and what starts one. */
async function withWaiting(
  settings: readonly string[],
  use: (
    run: {
      process: CommandProcess;
      folder: string;
      url: string;
      tokenFile: string;
    },
    worker: () => CommandProcess,
  ) => Promise<void>,
): Promise<void> {
  await withTinyRun(async ({ folder, config }) => {
    const run = `${folder}/run`;
    const process = new CommandProcess([
      ...["train", config, "--run-dir", run, "--launcher", "join"],
      ...settings,
    ]);
    await process.see(/^start .* ranks that join with the token/);
    const tokenFile = `${run}/nats/token.json`;
    const { url } = JSON.parse(await Deno.readTextFile(tokenFile));
    const worker = () =>
      new CommandProcess(["rank", "--join", url, "--token-file", tokenFile]);
    await use({ process, folder: run, url, tokenFile }, worker);
  });
}

Deno.test("workers may come later than a rank waits for another in an exchange", async () => {
  const settings = [...teacherOnly(2), "timeouts.collectiveSeconds=12"];
  await withWaiting(settings, async ({ process }, worker) => {
    const first = worker();
    await process.see(/^join +rank 0 on .*: 1 of 2$/);
    await new Promise((resolve) => setTimeout(resolve, 13_000));
    const second = worker();
    const end = await process.end;
    strictEqual(end.code, 0, end.stderr);
    match(end.stderr, /^join +rank 1 on .*: 2 of 2$/m);
    for (const { end } of [first, second]) strictEqual((await end).code, 0);
  });
});

Deno.test("a worker that waits for others leaves in order when the run is interrupted", async () => {
  await withWaiting(teacherOnly(2), async (about, worker) => {
    const { process, folder, url: join, tokenFile } = about;
    const waiting = worker();
    await process.see(/^join +rank 0 on .*: 1 of 2$/);
    // By hand, as the rank that has come already.
    const twin = await command([
      ...["rank", "--run-dir", folder, "--rank", "0", "--size", "2"],
    ]);
    strictEqual(twin.code, 2, twin.stderr);
    const reason = `rank 0 is process ${waiting.pid} on ${Deno.hostname()}`;
    match(twin.stderr, new RegExp(`^error: Cannot join the run: ${reason}`));
    // In containers that share the name of their host processes are numbered alike.
    const ask = () =>
      takePlace(realEnv, { tokenFile, join, host: "here", timeoutMs: 1500 });
    strictEqual((await ask()).rank, 1);
    await rejects(ask(), /no coordinator answered/);
    process.signal("SIGINT");
    const end = await process.end;
    strictEqual(end.code, 130, end.stderr);
    match(end.stderr, /^stop +SIGINT: ending \(again: at once\)$/m);
    strictEqual((await waiting.end).code, 0);
    const left = (await eventsOf(folder)).filter(({ event }) =>
      event === "left"
    );
    ok(left.every(({ rank, code }) => rank === 0 && code === 0));
  });
});
