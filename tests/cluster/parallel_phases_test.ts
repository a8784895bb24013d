import { deepStrictEqual, match, ok, strictEqual } from "node:assert";
import { CommandProcess, eventsOf, withTinyRun } from "./train_process.ts";

const STEPS = 40;
const SHORT = [
  // Of its share when both ranks shared the batch, as a rank alone takes it.
  "microBatch=8",
  "phases.teacher.enabled=false",
  "phases.distill.enabled=false",
  "phases.classify.enabled=false",
  `phases.selfTrain.images=${16 * STEPS}`,
  `phases.baseline.images=${16 * STEPS}`,
];

/** Training losses of a phase by step. */
async function lossesOf(run: string, phase: string): Promise<number[]> {
  const text = await Deno.readTextFile(`${run}/metrics.jsonl`);
  const lines = text.trim().split("\n").map((line) => JSON.parse(line))
    .filter((line) => line.phase === phase && line.split === "train");
  deepStrictEqual(
    lines.map(({ step }) => step),
    Array.from({ length: STEPS }, (_, i) => i + 1),
  );
  return lines.map(({ loss }) => loss);
}

function modelOf(run: string, phase: string): Promise<Uint8Array> {
  return Deno.readFile(
    `${run}/checkpoints/${phase}-${STEPS}/model.safetensors`,
  );
}

Deno.test("train ends the same when selfTrain and baseline share the ranks, stop and go on", async () => {
  await withTinyRun(async ({ folder, config }) => {
    const start = (name: string, more: string) =>
      new CommandProcess([
        "train",
        config,
        `--run-dir=${folder}/${name}`,
        "--resume=auto",
        ...SHORT,
        more,
      ]);
    const [alone, apart] = [`${folder}/alone`, `${folder}/apart`];
    const { code, stderr } = await start("alone", "--ranks=1").end;
    strictEqual(code, 0, stderr);

    const first = start("apart", "parallelPhases=always");
    await first.see(/^(selfTrain|baseline) +\d/);
    first.signal("SIGTERM");
    const stopped = await first.end;
    strictEqual(stopped.code, 75, stopped.stderr);
    match(stopped.stderr, /^divide selfTrain on rank 0 beside baseline on/m);
    const begun = await eventsOf(apart);
    deepStrictEqual(begun.find(({ event }) => event === "divided")?.teams, [
      { phase: "selfTrain", members: [0] },
      { phase: "baseline", members: [1] },
    ]);
    const ended = begun.findIndex(({ event }) =>
      event === "phase_stopped" || event === "phase_done"
    );
    ok(
      begun.findLastIndex(({ event }) => event === "phase_started") < ended,
      "both run at once",
    );
    const second = await start("apart", "parallelPhases=always").end;
    strictEqual(second.code, 0, second.stderr);

    // Each phase had one rank, as in the run on one.
    for (const phase of ["selfTrain", "baseline"]) {
      deepStrictEqual(
        await lossesOf(apart, phase),
        await lossesOf(alone, phase),
      );
      deepStrictEqual(await modelOf(apart, phase), await modelOf(alone, phase));
    }
  });
});
