import { deepStrictEqual, match, strictEqual } from "node:assert";
import { assertClose } from "../helpers/mod.ts";
import { CommandProcess, eventsOf, withTinyRun } from "./train_process.ts";

const STEPS = 60;
const SHORT = [
  "phases.teacher.enabled=false",
  "phases.distill.enabled=false",
  "phases.classify.images=32",
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
    const start = (name: string, ...more: string[]) =>
      new CommandProcess([
        "train",
        config,
        `--run-dir=${folder}/${name}`,
        "--resume=auto",
        ...SHORT,
        ...more,
      ]);
    const [alone, apart] = [`${folder}/alone`, `${folder}/apart`];
    for (
      const [name, own] of [
        ["alone", "--ranks=1"],
        ["apart", "parallelPhases=always"],
      ] as const
    ) {
      const { code, stderr } = await start(name, own).end;
      strictEqual(code, 0, stderr);
    }
    for (const phase of ["selfTrain", "baseline"]) {
      const [some, all] = [
        await lossesOf(apart, phase),
        await lossesOf(alone, phase),
      ];
      assertClose(some.slice(0, 20), all.slice(0, 20), { rtol: 1e-4 });
    }
    const events = await eventsOf(apart);
    const { teams } = events.find(({ event }) => event === "divided")!;
    deepStrictEqual(teams, [
      { phase: "selfTrain", members: [0] },
      { phase: "baseline", members: [1] },
    ]);
    const started = events.findLastIndex(({ event }) =>
      event === "phase_started"
    );
    const done = events.findIndex(({ event, phase }) =>
      event === "phase_done" && phase !== "classify"
    );
    strictEqual(started < done, true, "both run at once");

    const parts = `${folder}/parts`;
    const first = start("parts", "parallelPhases=always");
    await first.see(/^(selfTrain|baseline) +\d/);
    first.signal("SIGTERM");
    const stopped = await first.end;
    strictEqual(stopped.code, 75, stopped.stderr);
    match(stopped.stderr, /^divide selfTrain on rank 0 beside baseline on/m);
    const second = await start("parts", "parallelPhases=always").end;
    strictEqual(second.code, 0, second.stderr);
    for (const phase of ["selfTrain", "baseline"]) {
      deepStrictEqual(await modelOf(parts, phase), await modelOf(apart, phase));
      await lossesOf(parts, phase);
    }
  });
});
