import { ConfigError, realEnv } from "../../src/env/mod.ts";
import { Device, type RealType } from "../../src/gpu/mod.ts";
import { table } from "../../cluster/console.ts";
import { runVerb } from "../../cluster/launch/verb_child.ts";
import type { Row } from "../common/rows.ts";
import type { Verb } from "../common/verb.ts";

const PRECISIONS = ["f32", "f16"] as const;

/** Accuracy that f16 may cost, over all seeds. */
const LIMIT_POINTS = 0.5;

export const precision: Verb = {
  about: "test accuracy of f16 beside f32, over several seeds",
  help: `Usage: bench precision --folder DIR [options]

Trains the default teacher on all labels of Fashion-MNIST with each seed, in f32
and in f16, and compares the means of their test accuracies. More than ${LIMIT_POINTS} points
less in f16 is an error. Runs are kept in DIR: what is finished there counts, and
what was stopped goes on, so the bench can be run in pieces.

  --folder DIR       where the runs are
  --seeds N          default 3
  --images N         training images of each run, default 60000
  --runs N           most runs in this invocation, default all
`,
  string: ["folder"],
  boolean: [],
  number: ["seeds", "images", "runs"],
  async run(options, log) {
    const folder = options.string("folder");
    if (folder === undefined) {
      throw new ConfigError("Cannot compare precisions without --folder");
    }
    const seeds = Math.max(1, options.number("seeds") ?? 3);
    const images = options.number("images") ?? 60_000;
    const all = Array.from(
      { length: seeds },
      (_, seed) => PRECISIONS.map((type) => ({ seed, type, images })),
    ).flat();
    let left = options.number("runs") ?? all.length;
    const found: (Trained & { accuracy: number })[] = [];
    for (const one of all) {
      const path = `${folder}/${one.type}-${images}-${one.seed}`;
      let accuracy = await accuracyOf(path);
      if (accuracy === undefined && left > 0) {
        left--;
        await train(path, one);
        accuracy = await accuracyOf(path);
      }
      if (accuracy === undefined) continue;
      log(`seed ${one.seed}  ${one.type}  ${(100 * accuracy).toFixed(2)} %`);
      found.push({ ...one, accuracy });
    }
    using device = await Device.open();
    const { adapter, form } = device;
    const means = new Map(PRECISIONS.map((type) => [
      type,
      mean(found.filter((run) => run.type === type)),
    ]));
    const complete = found.length === all.length;
    const rows = PRECISIONS.map((type): Row => {
      const runs = found.filter((run) => run.type === type);
      const points = 100 * (means.get(type)! - means.get("f32")!);
      return {
        name: "accuracy",
        shape: `default teacher, ${images} images`,
        form,
        precision: type,
        unit: "%",
        median: 100 * means.get(type)!,
        spread: 0,
        runs: runs.length,
        ms: NaN,
        accuracies: runs.map(({ accuracy }) => accuracy),
        points,
        complete,
        wrong: complete && points < -LIMIT_POINTS ? 1 : 0,
      };
    });
    return { adapter, rows, missing: [] };
  },
  table: ({ rows }) =>
    table([
      ["precision", "runs", "test accuracy of each", "mean", "points"],
      ...rows.map((row) => [
        row.precision,
        `${row.runs}`,
        (row.accuracies as number[]).map((value) => (100 * value).toFixed(2))
          .join(" "),
        row.median.toFixed(2),
        (row.points as number).toFixed(2),
      ]),
    ]),
};

interface Trained {
  seed: number;
  type: RealType;
  images: number;
}

async function train(
  path: string,
  { seed, type, images }: Trained,
): Promise<void> {
  const resumes = await realEnv.disk.stat(`${path}/config.json`);
  const others = ["distill", "classify", "selfTrain", "baseline"];
  await runVerb(
    "train",
    resumes ? [`--resume=${path}`] : [
      `--run-dir=${path}`,
      "ranks=1",
      `seed=${seed}`,
      `precision=${type}`,
      `phases.teacher.images=${images}`,
      ...others.map((phase) => `phases.${phase}.enabled=false`),
    ],
    { doing: `train with seed ${seed} in ${type}` },
  );
}

/** Test accuracy of a finished run. */
async function accuracyOf(path: string): Promise<number | undefined> {
  const file = `${path}/summary.json`;
  if (!await realEnv.disk.stat(file)) return undefined;
  const { phases } = JSON.parse(await realEnv.disk.readText(file));
  return phases.teacher?.test_accuracy;
}

function mean(runs: readonly { accuracy: number }[]): number {
  return runs.reduce((sum, { accuracy }) => sum + accuracy, 0) / runs.length;
}
