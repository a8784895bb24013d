import { availableParallelism } from "node:os";
import { realEnv } from "../../src/env/mod.ts";
import { slowestOf, stepTime } from "../../cluster/prediction/mod.ts";
import { median, spread } from "../common/measure.ts";
import type { Row } from "../common/rows.ts";
import { parametersOf, stepFlops, type StepModel } from "../step/models.ts";
import { vitSegments } from "../../src/model/mod.ts";
import { type RunFigures, trainingRun } from "./training_run.ts";
import { measureWorld } from "./world_rate.ts";

export const MODES = ["weak", "strong"] as const;
/** `weak`: the batch grows with the ranks. `strong`: they divide it. */
export type Mode = typeof MODES[number];

export interface ScalingOptions {
  readonly model: StepModel;
  readonly modes: readonly Mode[];
  readonly ranks: readonly number[];
  readonly runs: number;
  readonly steps: number;
  readonly coresPerRank: number | undefined;
  /** Validation accuracy whose time is taken. */
  readonly target: number | undefined;
  readonly overrides: readonly string[];
  readonly options: readonly string[];
  /** The adapter computes on the cores that communicate. */
  readonly cpu: boolean;
  readonly form: string;
  log(line: string): void;
}

interface Case {
  readonly mode: Mode;
  readonly ranks: number;
  readonly globalBatch: number;
  readonly figures: RunFigures[];
}

/** Trains on every number of ranks in turn, and tells what the model predicts. */
export async function measureScaling(options: ScalingOptions): Promise<Row[]> {
  const { model, modes, ranks, runs, log } = options;
  const cases = modes.flatMap((mode) =>
    ranks.map((size): Case => ({
      mode,
      ranks: size,
      globalBatch: mode === "weak" ? size * model.batch : model.batch,
      figures: [],
    }))
  );
  const folder = await Deno.makeTempDir({ prefix: "signet-scaling-" });
  try {
    for (let run = 0; run < runs; run++) {
      for (const one of cases) {
        const twin = cases.find(({ figures, ...same }) =>
          figures.length > run && same.ranks === one.ranks &&
          same.globalBatch === one.globalBatch
        );
        const figures = twin?.figures[run] ??
          await trainingRun({
            ...requestOf(options, one),
            folder: `${folder}/run`,
          });
        await realEnv.disk.remove(`${folder}/run`);
        one.figures.push(figures);
        if (twin !== undefined) continue;
        log(
          `run ${run + 1}/${runs}  ${one.ranks} rank${
            one.ranks === 1 ? "" : "s"
          }  batch ${one.globalBatch}  ${
            figures.imagesPerSecond.toFixed(1)
          } images/s`,
        );
      }
    }
  } finally {
    await realEnv.disk.remove(folder);
  }
  const rows: Row[] = [];
  for (const one of cases) rows.push(await rowOf(options, cases, one));
  return rows;
}

function requestOf(options: ScalingOptions, { ranks, globalBatch }: Case) {
  const { model, steps, coresPerRank, target } = options;
  const { patch, dim, depth, heads, image } = model.config;
  return {
    ranks,
    globalBatch,
    steps,
    coresPerRank,
    config: [
      ...options.overrides,
      `teacher.patch=${patch}`,
      `teacher.dim=${dim}`,
      `teacher.depth=${depth}`,
      `teacher.heads=${heads}`,
      `data.imageSize=${image}`,
      // Nothing but steps, unless accuracy is what is asked for.
      ...(target === undefined
        ? [
          "data.testPerClass=2",
          "data.validationPerClass=2",
          "evaluation.everySteps=1000000000",
        ]
        : []),
    ],
    options: options.options,
  };
}

async function rowOf(
  { model, steps, coresPerRank, target, cpu, form, log }: ScalingOptions,
  cases: readonly Case[],
  one: Case,
): Promise<Row> {
  const { mode, ranks, figures, globalBatch } = one;
  const base = cases.filter((other) => other.mode === mode)
    .reduce((a, b) => a.ranks <= b.ranks ? a : b);
  const times = figures.map(({ stepMs }) => stepMs);
  const stepMs = median(times);
  // Of each run beside the base's run of the same round.
  const gains = figures.map((run, i) =>
    run.imagesPerSecond / base.figures[i]!.imagesPerSecond
  );
  const speedUp = median(gains) * base.ranks;
  const gradientBytes = 4 * parametersOf(model);
  let errors: number[] | undefined;
  let busbw: number | undefined;
  if (ranks > 1 && base.ranks === 1) {
    log(`all-reduce of ${ranks} ranks`);
    const rate = await measureWorld(ranks, gradientBytes);
    busbw = rate.world.link.bytesPerMs * 1000;
    const share = globalBatch / ranks / base.globalBatch;
    const bucketBytes = vitSegments(model.config)
      .map(({ length }) => 4 * length).reverse();
    // As the gains, of runs of one round: a machine's speed drifts.
    errors = figures.map((run, i) => {
      const { stepMs, stepsMs } = base.figures[i]!;
      const mean = slowestOf([stepsMs], 1);
      const slower = share * crowding(ranks, coresPerRank, cpu);
      const predicted = stepTime({
        computeMs: stepMs * slower,
        // An exchange a step: it waits for the rank that happens to be last.
        lateMs: (slowestOf([stepsMs], ranks) - mean) * slower,
        bucketBytes,
        wireShare: 1,
        accumulate: 1,
        overlap: true,
        cpuMsPerByte: cpu ? rate.cpuMsPerByte : 0,
      }, rate.world);
      return predicted.stepMs / run.stepMs - 1;
    });
  }
  const reached = figures.map(({ accuracies }) =>
    accuracies.find(([, accuracy]) =>
      target !== undefined && accuracy >= target
    )
      ?.[0] ?? NaN
  );
  const { gemm, attention } = stepFlops({ ...model, batch: globalBatch });
  return {
    name: `${mode} scaling`,
    shape: model.shape,
    form,
    precision: "f32",
    unit: "images/s",
    mode,
    ranks,
    global_batch: globalBatch,
    cores_per_rank: coresPerRank || null,
    steps,
    median: median(figures.map(({ imagesPerSecond }) => imagesPerSecond)),
    spread: spread(times),
    runs: figures.length,
    ms: stepMs,
    speed_up: speedUp,
    efficiency: speedUp / ranks,
    efficiencies: gains.map((gain) => gain * base.ranks / ranks),
    exposed_ms: median(figures.map(({ communicationMs }) => communicationMs)),
    gflops: (gemm + attention) / stepMs / 1e6,
    ...(busbw === undefined ? {} : { busbw }),
    ...(errors === undefined ? {} : {
      predicted_ms: stepMs * (1 + median(errors)),
      prediction_error: median(errors),
    }),
    ...(target === undefined
      ? {}
      : { target, seconds_to_target: median(reached) }),
    // A run that diverged is no figure.
    wrong: figures.filter(({ loss }) => !Number.isFinite(loss)).length,
  };
}

/** How much slower ranks compute when they share this machine's cores. */
function crowding(
  ranks: number,
  coresPerRank: number | undefined,
  cpu: boolean,
): number {
  if (!cpu || coresPerRank) return 1;
  // One rank alone used all cores; several divide them.
  return Math.max(1, Math.min(ranks, availableParallelism()));
}
