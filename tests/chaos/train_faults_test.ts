import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { readdirSync } from "node:fs";
import {
  checkNoneLeft,
  command,
  CommandProcess,
  linesOf,
  ranksOf,
  readJson,
  teacherOnly,
  withTinyRun,
} from "../cluster/train_process.ts";

const STEPS = 40;

function train(config: string, run: string): string[] {
  return [
    "train",
    config,
    "--run-dir",
    run,
    "--ranks=3",
    "link=nats",
    ...teacherOnly(STEPS),
  ];
}

/** Mean training loss of the steps before each line. */
async function lossesOf(run: string): Promise<Map<number, number>> {
  const text = await Deno.readTextFile(`${run}/metrics.jsonl`);
  const losses = new Map<number, number>();
  for (const line of text.trim().split("\n")) {
    const { split, step, loss } = JSON.parse(line);
    if (split !== "train") continue;
    ok(!losses.has(step), `step ${step} is there once`);
    losses.set(step, loss);
  }
  return losses;
}

interface LogLine {
  message: string;
  wire: { reconnects: number };
}

function logOf(run: string, rank: number): Promise<LogLine[]> {
  return linesOf<LogLine>(`${run}/logs/rank-${rank}.jsonl`).catch(() => []);
}

/** Resolves when a rank has met others so often. */
async function seeJoined(run: string, rank: number, times: number) {
  while (true) {
    const joined = (await logOf(run, rank))
      .filter(({ message }) => message === "joined");
    if (joined.length >= times) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Process id of the run's server, which names its ports file after it. */
function serverOf(run: string): number {
  const name = readdirSync(`${run}/nats`).find((name) =>
    name.endsWith(".ports")
  );
  return Number(/_(\d+)\.ports$/.exec(name!)![1]);
}

/** The same lines, though some may have been another rank's to write. */
async function checkLosses(run: string, calm: string): Promise<void> {
  const expected = await lossesOf(calm);
  const losses = await lossesOf(run);
  deepStrictEqual([...losses.keys()], [...expected.keys()]);
  for (const [step, loss] of losses) {
    const calmly = expected.get(step)!;
    ok(Math.abs(loss - calmly) < 1e-3 * calmly, `step ${step}: ${loss}`);
  }
}

Deno.test("train ends like an undisturbed run when its server is killed, or ranks of other machines are lost", async (t) => {
  await withTinyRun(async ({ folder, config }) => {
    const calm = `${folder}/calm`;
    const { code, stderr } = await command(train(config, calm));
    strictEqual(code, 0, stderr);
    ok(
      !/^wire .*(reconnection|damaged|too late|stranger)/m.test(stderr),
      stderr,
    );

    await t.step("with its losses, when the server is killed", async () => {
      const run = `${folder}/server`;
      const process = new CommandProcess(train(config, run));
      await process.seeFile(`${run}/checkpoints/last`);
      const first = serverOf(run);
      Deno.kill(first, "SIGKILL");
      await process.see(/^warning: the NATS server ended .* started again/);
      const end = await process.end;
      strictEqual(end.code, 0, end.stderr);
      match(end.stderr, /^wire {3}rank 0: \d+ reconnection/m);
      await checkLosses(run, calm);
      const last = (await logOf(run, 1)).at(-1)!;
      strictEqual(last.message, "leaves");
      ok(last.wire.reconnects > 0);
      await checkNoneLeft(run);
    });

    await t.step(
      "with its losses, when the server is killed as the ranks meet anew",
      async () => {
        const run = `${folder}/both`;
        const process = new CommandProcess(train(config, run));
        await process.seeFile(`${run}/checkpoints/last`);
        const [, second] = await ranksOf(run);
        Deno.kill(second!, "SIGKILL");
        Deno.kill(serverOf(run), "SIGKILL");
        await process.see(/^warning: rank 1 .*; 2 ranks go on/);
        const end = await process.end;
        strictEqual(end.code, 0, end.stderr);
        await checkLosses(run, calm);
        await checkNoneLeft(run);
      },
    );

    await t.step(
      "with its losses, when ranks that nobody else can end are killed, and frozen for longer than silence may last",
      async () => {
        const run = `${folder}/joined`;
        const process = new CommandProcess([
          ...train(config, run),
          "--launcher=join",
          "--host=127.0.0.1",
        ]);
        const token = `${run}/nats/token.json`;
        await process.seeFile(token);
        const { url } = await readJson(token);
        const workers = [0, 1, 2].map(() =>
          new CommandProcess([
            "rank",
            `--join=${url}`,
            `--token-file=${token}`,
          ])
        );
        await process.seeFile(`${run}/checkpoints/last`);
        const [writer, second] = await ranksOf(run);
        Deno.kill(second!, "SIGKILL");
        await process.see(
          /^warning: rank 1 .* ended at once; 2 ranks go on/,
        );
        await seeJoined(run, 0, 2);
        Deno.kill(writer!, "SIGSTOP");
        await process.see(
          /^warning: rank 0 .* no sign of life for .*; 1 rank goes on/,
        );
        Deno.kill(writer!, "SIGCONT");
        const thawed = await workers.find(({ pid }) => pid === writer)!.end;
        strictEqual(thawed.code, 1);
        match(
          thawed.stderr,
          /^error: .*the other ranks go on without this one/m,
        );
        const end = await process.end;
        strictEqual(end.code, 0, end.stderr);
        await checkLosses(run, calm);
        const { state, ranks } = await readJson(`${run}/run.json`);
        strictEqual(state, "done");
        deepStrictEqual(
          (ranks as { lost?: string }[]).map(({ lost }) => lost !== undefined),
          [true, true, false],
        );
      },
    );
  });
});
