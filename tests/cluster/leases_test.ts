import {
  deepStrictEqual,
  notDeepStrictEqual,
  ok,
  strictEqual,
} from "node:assert";
import { writeTinyCifar } from "../helpers/mod.ts";
import {
  CommandProcess,
  eventsOf,
  linesOf,
  ranksOf,
  withTinyRun,
} from "./train_process.ts";

/** Of a rank's log. */
interface Lease {
  message: string;
  generation: number;
  parts: number;
}

function modelOf(run: string, phase: string): Promise<Uint8Array> {
  return Deno.readFile(`${run}/checkpoints/${phase}-3/model.safetensors`);
}

Deno.test("train has two teachers learn at once, and leases the labelling of a dead rank again", async () => {
  await withTinyRun(async ({ folder, config }) => {
    await writeTinyCifar(`${folder}/data`, { train: 250, test: 2 });
    const run = `${folder}/run`;
    const process = new CommandProcess([
      "train",
      config,
      `--run-dir=${run}`,
      "onRankLoss=continue",
      "parallelPhases=always",
      "teachers=[{}]",
      "phases.teacher.images=48",
      "phases.distill.images=32",
      "student.patch=4",
      "student.depth=2",
      "phases.selfTrain.method=noisy-student",
      "phases.selfTrain.rounds=1",
      "phases.selfTrain.images=32",
      "phases.classify.enabled=false",
      "phases.baseline.enabled=false",
    ]);
    await process.see(/^selfTrain |^distill +done/);
    /** From the labelling on: no other work has so many parts. */
    const leases = async () => {
      const log = await linesOf<Lease>(`${run}/logs/rank-0.jsonl`);
      const lines = log.filter(({ message }) => message === "leases work");
      const first = lines.findIndex(({ parts }) => parts > 10);
      return first < 0 ? [] : lines.slice(first);
    };
    let ended = false;
    process.end.then(() => ended = true);
    while ((await leases()).length === 0) {
      ok(!ended, "the ranks label");
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    Deno.kill((await ranksOf(run))[1]!, "SIGKILL");
    const { code, stderr } = await process.end;
    strictEqual(code, 0, stderr);
    const events = await eventsOf(run);
    deepStrictEqual(events.find(({ event }) => event === "divided")?.teams, [
      { phase: "teacher", members: [0] },
      { phase: "teacher2", members: [1] },
    ]);
    notDeepStrictEqual(
      await modelOf(run, "teacher"),
      await modelOf(run, "teacher2"),
    );
    strictEqual(
      events.filter(({ event }) => event === "rank_lost").length,
      1,
    );
    const [before, after] = await leases();
    strictEqual(after!.generation, before!.generation + 1);
    ok(
      after!.parts < before!.parts,
      `${after!.parts} of ${before!.parts} parts are left`,
    );
    const table = await Deno.readTextFile(`${run}/pseudo_labels.csv`);
    strictEqual(table.trim().split("\n").length, 1 + 10 * (250 - 2 - 1));
  });
});
