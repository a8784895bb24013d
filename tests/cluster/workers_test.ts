import { match, ok, strictEqual } from "node:assert";
import {
  CommandProcess,
  eventsOf,
  teacherOnly,
  withTinyRun,
} from "./train_process.ts";

/** Uses a run that waits for workers, and what starts one. */
async function withWaiting(
  settings: readonly string[],
  use: (
    run: { process: CommandProcess; folder: string },
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
    const token = `${run}/nats/token.json`;
    const { url } = JSON.parse(await Deno.readTextFile(token));
    const worker = () =>
      new CommandProcess(["rank", "--join", url, "--token-file", token]);
    await use({ process, folder: run }, worker);
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
  await withWaiting(teacherOnly(2), async ({ process, folder }, worker) => {
    const waiting = worker();
    await process.see(/^join +rank 0 on .*: 1 of 2$/);
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
