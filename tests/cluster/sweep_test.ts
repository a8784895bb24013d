import { deepStrictEqual, match, ok, rejects, strictEqual } from "node:assert";
import { parseCsv } from "../../src/run/mod.ts";
import {
  CommandProcess,
  eventsOf,
  ranksOf,
  readJson,
  teacherOnly,
  untilNoneLeft,
  withTinyRun,
} from "./train_process.ts";

/** A sweep with one rank a run and a teacher of so many steps. */
function sweepOf(
  { folder, config }: { folder: string; config: string },
  steps: number,
) {
  const out = `${folder}/sweep`;
  const fixed = ["sweep", config, ...teacherOnly(steps), "--ranks=1"];
  return {
    out,
    member: (name: string) => `${out}/members/${name}`,
    start: (...args: string[]) =>
      new CommandProcess([...fixed, `--out=${out}`, ...args]),
  };
}

Deno.test("sweep trains every setting, keeps finished runs and refuses another sweep's folder", async () => {
  await withTinyRun(async (tiny) => {
    const { out, member, start } = sweepOf(tiny, 2);
    const sweep = (labels: string) =>
      start("--seeds=1", "--at-once=auto", `--labels=${labels}`).end;
    const first = await sweep("1,2");
    strictEqual(first.code, 0, first.stderr);
    match(
      first.stdout,
      /^labels +runs +teacher +shipped\n1 +1 +[\d.]+ +[\d.]+\n2 /,
    );
    const [header, ...rows] = parseCsv(
      await Deno.readTextFile(`${out}/members.csv`),
    );
    strictEqual(
      header!.slice(0, 4).join(),
      "data.labelsPerClass,seed,run,state",
    );
    strictEqual(
      rows.map((row) => row.slice(0, 4).join()).join(" "),
      "1,5,members/labelsPerClass-1_seed-5,done 2,5,members/labelsPerClass-2_seed-5,done",
    );
    const run = await readJson(
      `${member("labelsPerClass-2_seed-5")}/config.json`,
    );
    strictEqual((run.data as { labelsPerClass: number }).labelsPerClass, 2);
    ok((await Deno.readTextFile(`${out}/report.html`)).includes("<!doctype"));

    const again = await sweep("1,2");
    strictEqual(again.code, 0, again.stderr);
    strictEqual(again.stderr.match(/^kept /gm)?.length, 2);
    strictEqual(again.stdout, first.stdout);

    const other = await sweep("1,3");
    strictEqual(other.code, 2);
    match(other.stderr, /^error: .*it holds another sweep\nhint: /);
  });
});

Deno.test("sweep stops the runs in progress with checkpoints when it is interrupted, and goes on with them", async () => {
  await withTinyRun(async (tiny) => {
    const { member, start } = sweepOf(tiny, 120);
    // One core is no room for two.
    const atOnce = Math.min(2, navigator.hardwareConcurrency);
    const args = [
      "--seeds=2",
      `--at-once=${atOnce}`,
      "timeouts.heartbeatSeconds=60",
    ];
    const first = start(...args);
    const runs = ["seed-5", "seed-6"].map(member);
    // The one that is ahead waits, or it might be done before the other begins.
    const begun = runs.slice(0, atOnce);
    const pids = await Promise.all(begun.map(async (run) => {
      await first.seeFile(`${run}/metrics.jsonl`);
      const [pid] = await ranksOf(run);
      Deno.kill(pid!, "SIGSTOP");
      return pid!;
    }));
    for (const pid of pids) Deno.kill(pid, "SIGCONT");
    // Only the sweep itself, not what it has started.
    Deno.kill(first.pid, "SIGINT");
    const { code, stderr } = await first.end;
    strictEqual(code, 130, stderr);
    strictEqual(stderr.match(/^stopped +seed-/gm)?.length, atOnce, stderr);

    const again = await start(...args).end;
    strictEqual(again.code, 0, again.stderr);
    for (const run of begun) {
      const lives = (await eventsOf(run))
        .filter(({ event }) => event === "started");
      deepStrictEqual(lives.map(({ resumed }) => resumed), [false, true]);
    }
    match(again.stdout, /^all +2 /m);
  });
});

Deno.test("sweep does a phase once that its runs have in common", async () => {
  await withTinyRun(async (tiny) => {
    const { member, start } = sweepOf(tiny, 2);
    const { code, stderr } = await start(
      "phases.distill.enabled=true",
      "phases.distill.images=32",
      "--seeds=1",
      "--labels=1,2,3",
    ).end;
    strictEqual(code, 0, stderr);
    const runs = [1, 2, 3].map((n) => member(`labelsPerClass-${n}_seed-5`));
    const origins = await Promise.all(runs.map(async (run) => {
      const { phases } = await readJson(`${run}/summary.json`);
      return Object(phases).teacher.from;
    }));
    deepStrictEqual(origins, [undefined, runs[0], runs[0]]);
  });
});

Deno.test("a run of a sweep that is killed saves a checkpoint and ends", async () => {
  await withTinyRun(async (tiny) => {
    const { member, start } = sweepOf(tiny, 4000);
    const run = member("seed-5");
    const sweep = start("checkpoint.everySteps=1000000", "--seeds=1");
    await sweep.seeFile(`${run}/metrics.jsonl`);
    sweep.signal("SIGKILL");
    // The run writes where the sweep did, which ends with the last of them.
    await sweep.end;
    await untilNoneLeft(tiny.folder);
    strictEqual((await readJson(`${run}/run.json`)).state, "stopped");
    await Deno.stat(`${run}/checkpoints/last`);
    match(
      JSON.stringify(await eventsOf(run)),
      /"stop_requested","cause":"who has started this run is gone"/,
    );
  });
});

Deno.test("sweep leaves no folder when its first run is refused, keeps one that holds a run, and says which figures there are", async () => {
  await withTinyRun(async (tiny) => {
    const { out, member, start } = sweepOf(tiny, 2);
    const sweep = (...args: string[]) => start("--seeds=1", ...args).end;
    const lost = await sweep("--grid=data.path=none", "--dry-run");
    strictEqual(lost.code, 2, lost.stderr);
    match(lost.stderr, /^error: .*none does not exist$/m);
    const wrong = await sweep("--labels=4000");
    strictEqual(wrong.code, 2, wrong.stderr);
    await rejects(Deno.stat(out), Deno.errors.NotFound);
    const odd = await sweep("--labels=2", "--figure=acuracy");
    strictEqual(odd.code, 0, odd.stderr);
    match(odd.stderr, /^warning: no run has the figure acuracy$/m);
    match(odd.stderr, /^hint: --out .* one of .*\btest_accuracy\b/m);
    await Deno.remove(out, { recursive: true });
    const half = await sweep("--labels=2,4000");
    strictEqual(half.code, 2, half.stderr);
    await Deno.stat(`${member("labelsPerClass-2_seed-5")}/summary.json`);
  });
});
