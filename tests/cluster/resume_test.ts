import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import {
  checkNoneLeft,
  command,
  CommandProcess,
  eventsOf,
  ranksOf,
  readJson,
  teacherOnly,
  withTinyRun,
} from "./train_process.ts";

const STEPS = teacherOnly(60);

function modelOf(run: string): Promise<Uint8Array> {
  return Deno.readFile(`${run}/checkpoints/teacher-60/model.safetensors`);
}

Deno.test("train --resume ends with the same weights, bit for bit, when it was stopped twice", async () => {
  await withTinyRun(async ({ folder, config }) => {
    const whole = `${folder}/whole`;
    const { code, stderr } = await command([
      "train",
      config,
      `--run-dir=${whole}`,
      ...STEPS,
    ]);
    strictEqual(code, 0, stderr);

    const run = `${folder}/parts`;
    const first = new CommandProcess([
      "train",
      config,
      `--run-dir=${run}`,
      ...STEPS,
    ]);
    await first.see(/^teacher /);
    first.signal("SIGTERM");
    const stopped = await first.end;
    strictEqual(stopped.code, 75, stopped.stderr);
    match(stopped.stderr, /^stopped {2}after teacher-\d+; go on with: /m);
    strictEqual((await readJson(`${run}/run.json`)).state, "stopped");

    const resume = ["train", "--resume", run];
    const limited = await command([
      ...resume,
      "--time-limit=1",
      "--reserve=59",
    ]);
    strictEqual(limited.code, 75, limited.stderr);
    // A second after the start: mostly before any step.
    match(
      limited.stderr,
      /^stop {3}the time limit is near: (?:ending|saving a checkpoint) /m,
    );

    const last = await Deno.readTextFile(`${run}/checkpoints/last`);
    const next = Number(last.replace("teacher-", "")) + 1;
    const second = new CommandProcess(resume);
    // At once, not when there is something to tell after a second.
    await second.see(RegExp(`^teacher +${next}/60 `));
    second.signal("SIGINT");
    strictEqual((await second.end).code, 130);

    const third = await command([
      "train",
      config,
      `--run-dir=${run}`,
      "--resume=auto",
      ...STEPS,
    ]);
    strictEqual(third.code, 0, third.stderr);
    match(third.stderr, /resume yes/);
    deepStrictEqual(await modelOf(run), await modelOf(whole));

    const stops = (await eventsOf(run)).filter(({ event }) =>
      event === "phase_stopped"
    );
    // One more where the time limit came in the phase, on a fast machine.
    const inPhase = /^stop .*: saving a checkpoint/m.test(limited.stderr);
    strictEqual(stops.length, inPhase ? 3 : 2);
    const metrics = await Deno.readTextFile(`${run}/metrics.jsonl`);
    const steps = metrics.trim().split("\n").map((line) => JSON.parse(line))
      .filter(({ split }) => split === "train").map(({ step }) => step);
    deepStrictEqual(steps, steps.toSorted((a, b) => a - b), "no line twice");
    ok(new Set(steps).size === steps.length);

    // Nothing is left to do: finished phases are not repeated.
    const again = await command(["train", "--resume", run, "--json"]);
    strictEqual(again.code, 0, again.stderr);
    const result = JSON.parse(again.stdout);
    strictEqual(result.run, run);
    strictEqual(result.phases.teacher.steps, 60);
  });
});

Deno.test("train ends at once with code 130 when it is interrupted twice", async () => {
  await withTinyRun(async ({ folder, config }) => {
    const run = `${folder}/run`;
    const process = new CommandProcess([
      "train",
      config,
      `--run-dir=${run}`,
      ...teacherOnly(4000),
    ]);
    await process.see(/^teacher /);
    // A rank that is stopped cannot save: only the second request ends the run.
    Deno.kill((await ranksOf(run))[1]!, "SIGSTOP");
    process.signal("SIGINT");
    // Two at the same moment are one, passed on by someone.
    process.signal("SIGINT");
    await process.see(/^stop {3}SIGINT: saving/);
    await new Promise((resolve) => setTimeout(resolve, 600));
    process.signal("SIGINT");
    const end = await process.end;
    strictEqual(end.code, 130, end.stderr);
    strictEqual(/^error:/m.test(end.stderr), false);
    await checkNoneLeft(run);
  });
});

Deno.test("train writes what a run has come to that was killed after its last phase", async () => {
  await withTinyRun(async ({ folder, config }) => {
    const run = `${folder}/run`;
    const train = (...words: string[]) =>
      command(["train", config, `--run-dir=${run}`, ...words]);
    const words = ["--ranks=1", ...teacherOnly(3)];
    strictEqual((await train(...words)).code, 0);
    const summary = await readJson(`${run}/summary.json`);
    // As one is whose coordinator ended when the journal alone had it.
    const lines = await Deno.readTextFile(`${run}/events.jsonl`);
    const done = lines.indexOf("\n", lines.indexOf('"phase_done"')) + 1;
    await Deno.writeTextFile(`${run}/events.jsonl`, lines.slice(0, done));
    await Deno.remove(`${run}/summary.json`);
    const told = await readJson(`${run}/run.json`);
    const [phase] = told.phases as Record<string, unknown>[];
    const { exit_code: _, ended: __, ...before } = told;
    await Deno.writeTextFile(
      `${run}/run.json`,
      JSON.stringify({
        ...before,
        state: "running",
        phases: [{ ...phase, state: "running" }],
      }),
    );
    const { code, stdout, stderr } = await train("--resume=auto", ...words);
    strictEqual(code, 0, stderr);
    match(stdout, /^shipped {2}teacher: /m);
    deepStrictEqual(await readJson(`${run}/summary.json`), summary);
    const { state, phases, ranks, exit_code } = await readJson(
      `${run}/run.json`,
    );
    deepStrictEqual([state, exit_code, ranks], ["done", 0, before.ranks]);
    strictEqual(Object((phases as unknown[])[0]).state, "done");
  });
});
