import type { AdapterFacts, KernelForm } from "../gpu/mod.ts";
import type { Communicator } from "../training/communicator.ts";
import type { Env } from "../env/mod.ts";
import type { Config } from "../config/mod.ts";
import type { Straggler } from "../run/mod.ts";

/** Phases that train a teacher each, from which `distill` learns. */
export const TEACHERS = [
  "teacher",
  "teacher2",
  "teacher3",
  "teacher4",
] as const;
export type TeacherPhase = typeof TEACHERS[number];

export const PHASES = [
  ...TEACHERS,
  "distill",
  "classify",
  "selfTrain",
  "baseline",
] as const;
export type PhaseName = typeof PHASES[number];

/** A step of training as the console and `metrics.jsonl` show it. */
export interface Progress {
  phase: PhaseName;
  /** Optimizer steps done in this phase. */
  step: number;
  /** Steps of the whole phase. */
  steps: number;
  /** Passes over the phase's training images. */
  epoch: number;
  /** Mean loss since the previous report. */
  loss: number;
  learningRate: number;
  imagesPerSecond: number;
  /** Mean milliseconds of a step since the previous report. */
  dataMs: number;
  forwardMs: number;
  backwardMs: number;
  communicationMs: number;
  /** Validation accuracy, 0..1, when this report follows an evaluation. */
  validationAccuracy?: number;
  /** Share of unlabelled images whose pseudo-label was used, 0..1. */
  maskRate?: number;
  /** What has held the ranks up over the last steps. */
  straggler?: Straggler;
}

export type LogLevel = "debug" | "info" | "warn" | "error";

/** What an engine needs from the process around it. */
export interface EngineOptions {
  env: Env;
  config: Config;
  communicator: Communicator;
  /** Existing folder; rank 0 writes into it. */
  runFolder: string;
  /** What may be computed anew; made when needed, kept from run to run. */
  cacheFolder: string;
  /** Kernel form agreed by all ranks; left out, the device decides. */
  form?: KernelForm;
  /**
   * An exchange has failed, or an idle rank was told of a loss: the ranks that are
   * left, once they are known, or nothing when the run ends. Left out, it does.
   */
  regroup?: (error: unknown) => Promise<Communicator | undefined>;
  /** Asked once a step; true on any rank makes all ranks checkpoint and stop after that step. */
  stopRequested(): boolean;
  /** On every rank, about once a second and after each evaluation. */
  onProgress(progress: Progress): void;
  /** After every step; a step that does not rise, or -1, says that the rank evaluates. */
  onStep(phase: PhaseName, step: number): void;
  log(level: LogLevel, message: string, fields?: Record<string, unknown>): void;
}

/** Final figures of a phase: `summary.json` `phases.<name>`. */
export type PhaseSummary = Record<string, unknown> & {
  test_accuracy?: number;
  val_accuracy?: number;
  /** Fitted on validation; divides the logits. */
  temperature?: number;
  /** The run that has done the phase, when it was taken from another one. */
  from?: string;
};

export type PhaseOutcome =
  | { state: "done"; summary: PhaseSummary }
  /** All ranks stopped after the same step; `checkpoint` names the folder under `checkpoints/`. */
  | { state: "stopped"; checkpoint: string };

/** One rank's GPU with data and models, ready to run phases in turn. */
export interface Engine {
  readonly adapter: AdapterFacts;
  readonly form: KernelForm;
  /** Hash of images and labels, to be equal on all ranks. */
  readonly dataHash: string;
  /** This rank's images of a global batch. */
  readonly share: number;
  /**
   * Runs a phase to its end, from the phase's newest checkpoint when there is
   * one. All ranks call it with the same name.
   */
  runPhase(name: PhaseName): Promise<PhaseOutcome>;
  /** Joins the ranks that are left when this one has nothing to do. */
  rejoin(): Promise<void>;
  [Symbol.dispose](): void;
}
