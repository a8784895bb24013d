import { realEnv, SignetError } from "../../src/env/mod.ts";
import { runVerb } from "../../cluster/launch/verb_child.ts";

/** First steps, which compile and fill the queue; they do not count. */
const WARM_UP = 2;
/** Last steps: nothing is queued behind them, so that their lines come early. */
const RUN_OUT = 2;
/** A run of fewer steps has no two whose distance counts. */
export const LEAST_STEPS = WARM_UP + RUN_OUT + 2;

/** What one run of `train` is asked for. */
export interface RunRequest {
  readonly ranks: number;
  readonly globalBatch: number;
  readonly steps: number;
  readonly coresPerRank: number | undefined;
  /** Configuration file and overrides. */
  readonly config: readonly string[];
  /** Options of `train`, such as `--launcher=slurm`. */
  readonly options: readonly string[];
  readonly folder: string;
}

/** What it showed. */
export interface RunFigures {
  /** Milliseconds from one finished step to the next, mean. */
  readonly stepMs: number;
  /** Milliseconds of each, or of as many as were waited for together their mean. */
  readonly stepsMs: readonly number[];
  readonly imagesPerSecond: number;
  /** Milliseconds of a step in which the rank waited for a collective. */
  readonly communicationMs: number;
  readonly loss: number;
  /** `[seconds since the first step, validation accuracy]`. */
  readonly accuracies: readonly (readonly [number, number])[];
}

/** Trains the teacher phase of a configuration alone and reads its metrics. */
export async function trainingRun(request: RunRequest): Promise<RunFigures> {
  const { ranks, globalBatch, steps, coresPerRank, folder } = request;
  await runVerb("train", [
    ...request.config,
    "phases.distill.enabled=false",
    "phases.classify.enabled=false",
    "phases.selfTrain.enabled=false",
    "phases.baseline.enabled=false",
    `globalBatch=${globalBatch}`,
    `phases.teacher.images=${globalBatch * steps}`,
    `--ranks=${ranks}`,
    `--run-dir=${folder}`,
    ...(coresPerRank === undefined ? [] : [`--cores-per-rank=${coresPerRank}`]),
    ...request.options,
  ], {
    doing: `measure ${
      ranks === 1 ? "1 rank" : `${ranks} ranks`
    } with a batch of ${globalBatch}`,
  });
  const text = await realEnv.disk.readText(`${folder}/metrics.jsonl`);
  return figuresOf(text, globalBatch);
}

interface Line {
  time: number;
  step: number;
  split: string;
  loss?: number;
  accuracy?: number;
  step_ms?: number;
  communication_ms?: number;
}

/** Reads `metrics.jsonl` of a run with one line a step, or one for several. */
export function figuresOf(text: string, globalBatch: number): RunFigures {
  const lines = text.split("\n").filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Line);
  const steps = lines.filter(({ split }) => split === "train");
  const end = (steps.at(-1)?.step ?? 0) - RUN_OUT;
  const counted = steps.filter(({ step }) => step > WARM_UP && step <= end);
  const first = steps.findLast(({ step }) => step <= WARM_UP);
  const last = counted.at(-1);
  if (first === undefined || last === undefined) {
    throw new SignetError(
      `Cannot measure a run of ${steps.length} steps: at least ${LEAST_STEPS} are needed`,
    );
  }
  const stepMs = (last.time - first.time) / (last.step - first.step);
  const mean = (of: (line: Line) => number) =>
    counted.reduce((sum, line) => sum + of(line), 0) / counted.length;
  return {
    stepMs,
    stepsMs: counted.map(({ step_ms = stepMs }) => step_ms),
    imagesPerSecond: 1000 * globalBatch / stepMs,
    communicationMs: mean(({ communication_ms = 0 }) => communication_ms),
    loss: steps.at(-1)?.loss ?? NaN,
    accuracies: lines
      .filter(({ accuracy }) => accuracy !== undefined)
      .map(({ time, accuracy }) =>
        [(time - steps[0]!.time) / 1000, accuracy!] as const
      ),
  };
}
