import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { CommWorker } from "../../cluster/communicator/mod.ts";
import { startNatsServer } from "../../cluster/launch/nats_server.ts";
import { Life } from "../../cluster/rank/life.ts";
import { realEnv } from "../../src/env/mod.ts";
import { openEngine } from "../../src/phases/mod.ts";
import type { Straggler } from "../../src/run/mod.ts";
import { startDelayProxy, tinyConfig, writeTinyCifar } from "../helpers/mod.ts";
import {
  CommandProcess,
  eventsOf,
  ranksOf,
  teacherOnly,
  withTinyRun,
} from "./train_process.ts";

/** Lets a process run for a fifth of the time, until it ends. */
async function slowDown(pid: number): Promise<void> {
  const pause = (ms: number) => new Promise((done) => setTimeout(done, ms));
  try {
    while (true) {
      Deno.kill(pid, "SIGSTOP");
      await pause(40);
      Deno.kill(pid, "SIGCONT");
      await pause(10);
    }
  } catch {
    // It has ended.
  }
}

Deno.test("train names the rank that computes more slowly than the others, in console, journal and report", async () => {
  await withTinyRun(async ({ folder, config }) => {
    const run = `${folder}/run`;
    const process = new CommandProcess([
      "train",
      config,
      `--run-dir=${run}`,
      "globalBatch=32",
      "teacher.dim=64",
      "teacher.patch=4",
      "teacher.depth=2",
      "phases.teacher.labels=all",
      ...teacherOnly(100),
    ]);
    await process.see(/^ready /);
    const slowed = slowDown((await ranksOf(run))[1]!);
    const { code, stderr } = await process.end;
    await slowed;
    strictEqual(code, 0, stderr);
    match(stderr, /^warning: rank 1 is slow \(compute\): .* of each step$/m);
    const verdicts = (await eventsOf(run))
      .filter(({ event }) => event === "straggler");
    deepStrictEqual(
      verdicts.map(({ phase, rank, cause }) => ({ phase, rank, cause })),
      [{ phase: "teacher", rank: 1, cause: "compute" }],
    );
    const lines = (await Deno.readTextFile(`${run}/metrics.jsonl`)).trim()
      .split("\n").map((line) => JSON.parse(line))
      .filter(({ ready_ms }) => ready_ms !== undefined);
    ok(lines.length > 20);
    for (const { ready_ms, wait_ms } of lines) {
      strictEqual(ready_ms.length, 2);
      strictEqual(wait_ms.length, 2);
    }
    match(
      await Deno.readTextFile(`${run}/report.html`),
      /rank 1 is slow \(compute\)/,
    );
  });
});

Deno.test("an engine names the rank whose way to the others is long", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-run-" });
  try {
    await writeTinyCifar(`${folder}/data`, { train: 8, test: 2 });
    await using server = await startNatsServer({
      env: realEnv,
      folder,
      run: "test",
    });
    const url = new URL(server.rank.url);
    using proxy = startDelayProxy({ port: Number(url.port), delayMs: 8 });
    const far = {
      ...server.rank,
      url: `${url.protocol}//127.0.0.1:${proxy.port}`,
    };
    const config = tinyConfig(`${folder}/data`, {
      phases: { teacher: { images: 24 * 24 } },
    });
    const found: (Straggler | undefined)[] = [];
    const workers = await Promise.all([server.rank, far].map(
      async (credentials, rank) => {
        const life = new Life();
        const worker = await CommWorker.open({
          credentials,
          rank,
          life: life.words,
        });
        return { worker, life };
      },
    ));
    const ranks = await Promise.all(
      workers.map(({ worker }) =>
        worker.join({ members: [0, 1], link: "nats" })
      ),
    );
    await Promise.all(ranks.map(async (communicator, rank) => {
      using engine = await openEngine({
        env: realEnv,
        config,
        communicator: workers[rank]!.life.observe(communicator),
        runFolder: folder,
        cacheFolder: `${folder}/cache`,
        form: "register",
        stopRequested: () => false,
        onProgress: ({ straggler }) => {
          if (rank === 0) found.push(straggler);
        },
        onStep: () => {},
        log: () => {},
      });
      await engine.runPhase("teacher");
    }));
    for (const { worker } of workers) await worker.close();
    const last = found.at(-1);
    deepStrictEqual([last?.cause, last?.rank], ["link", 1]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
