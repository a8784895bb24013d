import { deepStrictEqual, match, strictEqual } from "node:assert";
import {
  chooseRun,
  type StartedRank,
  trainRun,
} from "../../cluster/launch/mod.ts";
import type { StopRequest } from "../../cluster/coordinator/mod.ts";
import { realEnv } from "../../src/env/mod.ts";
import {
  lose,
  ranksOf,
  teacherOnly,
  untilNoneLeft,
  withTinyRun,
  withTraining,
} from "./train_process.ts";

const STEPS = [...teacherOnly(4000), "onRankLoss=stop"];

Deno.test("train ends when it is interrupted twice although its journal hangs", async () => {
  await withTraining(STEPS, async (process, run) => {
    await lose(`${run}/events.jsonl`);
    process.signal("SIGINT");
    await process.see(/^stop +SIGINT: saving a checkpoint/);
    await process.see(/^warning: SIGINT waits for the disk of .*journal/);
    process.signal("SIGINT");
    const rescue = setTimeout(() => process.signal("SIGKILL"), 30_000);
    const end = await process.end;
    clearTimeout(rescue);
    strictEqual(end.code, 130, end.stderr);
    match(end.stderr, /^error: Cannot end in order: something hangs/m);
    await untilNoneLeft(run);
  });
});

Deno.test("ranks end with a coordinator that is killed although their log hangs", async () => {
  await withTraining(STEPS, async (process, run) => {
    const pids = await ranksOf(run);
    for (const rank of pids.keys()) {
      await lose(`${run}/logs/rank-${rank}.jsonl`);
    }
    process.signal("SIGKILL");
    await process.end;
    try {
      await untilNoneLeft(run);
    } finally {
      for (const pid of pids) {
        try {
          Deno.kill(pid, "SIGKILL");
        } catch {
          // It has ended, as it should.
        }
      }
    }
  });
});

Deno.test("train says why a run failed although its report cannot be written", async () => {
  await withTraining(STEPS, async (process, run) => {
    await Deno.mkdir(`${run}/report.html`);
    Deno.kill((await ranksOf(run))[1]!, "SIGKILL");
    const { code, stderr } = await process.end;
    strictEqual(code, 1, stderr);
    match(stderr, /^error: rank 1 .*killed by SIGKILL$/m);
    match(stderr, /^warning: no report: /m);
  });
});

Deno.test("train says that its folder was removed", async () => {
  await withTraining(STEPS, async (process, run) => {
    await Deno.rename(run, `${run}-moved`);
    const { code, stderr } = await process.end;
    strictEqual(code, 1, stderr);
    match(
      stderr,
      /^error: .*(lock is gone: was the run folder removed\?|No such file)/m,
    );
  });
});

Deno.test("trainRun() does not wait for a rank that SIGKILL does not end", async () => {
  await withTinyRun(async ({ folder, config }) => {
    const warnings: string[] = [];
    const end = Promise.withResolvers<{ code: number; signal: null }>();
    let rescue: ReturnType<typeof setTimeout> | undefined;
    const immortal: StartedRank = {
      rank: 0,
      pid: 7,
      exited: end.promise,
      kill() {
        const result = { code: 0, signal: null };
        rescue = setTimeout(() => end.resolve(result), 30_000);
      },
    };
    const { code } = await trainRun({
      env: realEnv,
      choice: await chooseRun(realEnv, {
        path: config,
        folder: `${folder}/run`,
        overrides: [],
      }),
      size: 1,
      version: "test",
      code: Promise.resolve("test"),
      server: {},
      starter: { start: () => Promise.resolve([immortal]) },
      observer: {
        onRecord: () => {},
        onProgress: () => {},
        onWarning: (message) => warnings.push(message),
      },
      onPlan: () => {},
      onStart: () => {},
      onStoppable(stop) {
        const request: StopRequest = { code: 130, cause: "SIGINT" };
        stop(request);
        stop(request);
      },
    });
    clearTimeout(rescue);
    strictEqual(code, 130);
    deepStrictEqual(warnings, [
      "rank 0 (pid 7) was killed and does not end: does it hang in a driver, or on a lost disk?",
    ]);
  });
});
