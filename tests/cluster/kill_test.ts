import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { realEnv } from "../../src/env/mod.ts";
import { loadCheckpoint } from "../../src/run/mod.ts";
import {
  checkNoneLeft,
  type CommandEnd,
  CommandProcess,
  eventsOf,
  lose,
  ranksOf,
  readJson,
  teacherOnly,
  untilNoneLeft,
  withTraining,
} from "./train_process.ts";

/** Enough steps to be struck in the middle of; a loss ends the run. */
const STEPS = [...teacherOnly(4000), "onRankLoss=stop"];

async function strike(
  signal: Deno.Signal,
  check: (end: CommandEnd, run: string, pid: number) => Promise<void>,
): Promise<void> {
  await withTraining(STEPS, async (process, run) => {
    const pid = (await ranksOf(run))[1]!;
    Deno.kill(pid, signal);
    const end = await process.end;
    strictEqual(end.code, 1, end.stderr);
    await check(end, run, pid);

    match(end.stderr, new RegExp(`log: ${run}/logs/rank-1.jsonl`));
    strictEqual(end.stderr.match(/^error: /gm)?.length, 1, "one culprit");
    const failed = (await eventsOf(run)).filter(({ event }) =>
      event === "failed"
    );
    deepStrictEqual(
      failed.map(({ failure }) => (failure as { rank: number }).rank),
      [1],
    );
    strictEqual((await readJson(`${run}/run.json`)).state, "failed");
    const checkpoint = await loadCheckpoint(realEnv.disk, run, {
      phase: "teacher",
    });
    ok(checkpoint, "the last checkpoint loads");
    await checkNoneLeft(run);
  });
}

Deno.test("train names a rank that is killed in mid-phase and ends the others", async () => {
  await strike("SIGKILL", (end, _, pid) => {
    match(
      end.stderr,
      new RegExp(
        `^error: rank 1 \\(host ${Deno.hostname()}, pid ${pid}, .*\\) failed in phase teacher, step \\d+: killed by SIGKILL$`,
        "m",
      ),
    );
    return Promise.resolve();
  });
});

Deno.test("train names a rank that is stopped in mid-phase and ends the others", async () => {
  await strike("SIGSTOP", (end) => {
    match(
      end.stderr,
      /^error: rank 1 .* failed in phase teacher, step \d+: no sign of life for \d/m,
    );
    return Promise.resolve();
  });
});

Deno.test("train names a rank that hangs while it still beats", async () => {
  await withTraining(STEPS, async (process, run) => {
    await lose(`${run}/metrics.jsonl`);
    const end = await process.end;
    strictEqual(end.code, 1, end.stderr);
    match(
      end.stderr,
      /^error: rank 0 .* failed in phase teacher, step \d+: .*(progress|hang)/m,
    );
    await checkNoneLeft(run);
  });
});

Deno.test("train leaves no rank and no server when it is killed itself", async () => {
  await withTraining(STEPS, async (process, run) => {
    process.signal("SIGKILL");
    await process.end;
    const pids = await ranksOf(run);
    strictEqual(pids.length, 2);
    await untilNoneLeft(run);

    // Its lock is stale: the run goes on.
    const resumed = new CommandProcess(["train", "--resume", run]);
    await resumed.see(/^teacher /);
    // A scheduler may signal any of the processes: one rank stops the run.
    Deno.kill((await ranksOf(run))[1]!, "SIGUSR2");
    strictEqual((await resumed.end).code, 75);
  });
});

Deno.test("train that is paused says what its ranks do, and goes on", async () => {
  await withTraining(STEPS, async (process) => {
    // It has no terminal that could hang up: with nohup, this must mean nothing.
    process.signal("SIGHUP");
    process.signal("SIGTSTP");
    await process.see(/^pause +the ranks go on, and give up unless /);
    const state = async () =>
      /^State:\t(.)/m.exec(
        await Deno.readTextFile(`/proc/${process.pid}/status`),
      )![1];
    while (await state() !== "T") {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    process.signal("SIGCONT");
    process.signal("SIGINT");
    const { code, stderr } = await process.end;
    strictEqual(code, 130, stderr);
    match(stderr, /^stopped +after teacher-/m);
  });
});
