import type { Timing } from "../gpu/mod.ts";
import type { FinishedStep, RankTimes } from "../training/mod.ts";
import type { Recipe } from "./recipe.ts";

/** Mean figures of the steps since the last line of `metrics.jsonl`. */
export interface StepMeans
  extends Record<string, number | number[] | undefined> {
  loss: number;
  images_per_second: number;
  step_ms: number;
  data_ms: number;
  forward_ms: number;
  backward_ms: number;
  update_ms: number;
  communication_ms: number;
  mask_rate?: number;
  /** Of each rank; absent with one. */
  ready_ms?: number[];
  wait_ms?: number[];
  round_trip_ms?: number[];
  /** Part of the steps that ranks waited for each other, their mean, 0..1. */
  exposed_communication?: number;
}

/** Sums the figures of steps; part of a checkpoint, so that a resumed run logs the same lines. */
export class Figures {
  readonly #recipe: Recipe;
  #count = 0;
  /** Steps without an update, whose figures may not be finite. */
  #skipped = 0;
  #sums: Record<string, number> = {};
  /** Steps that told each figure: some tell only what they know. */
  #told: Record<string, number> = {};
  /** Steps in `#ranks`. */
  #rankCount = 0;
  /** Sums of each rank's times. */
  #ranks: RankTimes[] = [];

  constructor(recipe: Recipe) {
    this.#recipe = recipe;
  }

  /** @param known What the host knew when the step was submitted. */
  add(finished: FinishedStep, known: Record<string, number>): void {
    const { metrics } = finished;
    if (metrics.get("gate") !== 0) {
      this.#skipped++;
      return;
    }
    this.#count++;
    const figures = {
      loss: this.#recipe.loss(metrics),
      gradient_norm: metrics.get("gradientNorm"),
      ...this.#recipe.figures(metrics),
      ...known,
      ...(this.#recipe.optimizer.lossScale
        ? { loss_scale: metrics.get("lossScale") }
        : {}),
      step_ms: finished.totalMs,
      communication_ms: finished.communicationMs,
    };
    for (const [name, value] of Object.entries(figures)) {
      this.#sums[name] = (this.#sums[name] ?? 0) + value;
      this.#told[name] = (this.#told[name] ?? 0) + 1;
    }
    if (finished.ranks === undefined) return;
    if (finished.ranks.length !== this.#ranks.length) {
      // Those who were lost do not count, nor the places of the others then.
      this.#rankCount = 0;
      this.#ranks = [];
    }
    this.#rankCount++;
    this.#ranks = finished.ranks.map((times, rank) => {
      const sum = this.#ranks[rank];
      return {
        readyMs: times.readyMs + (sum?.readyMs ?? 0),
        waitMs: times.waitMs + (sum?.waitMs ?? 0),
        roundTripMs: times.roundTripMs + (sum?.roundTripMs ?? 0),
      };
    });
  }

  /** No step since the last line had an update. */
  get empty(): boolean {
    return this.#count === 0;
  }

  /** @param timings Sections of the last step. */
  means(timings: readonly Timing[]): StepMeans {
    const sections = new Map<string, number>();
    for (const { label, milliseconds } of timings) {
      sections.set(label, (sections.get(label) ?? 0) + milliseconds);
    }
    const means = Object.fromEntries(
      Object.entries(this.#sums)
        .map(([name, sum]) => [name, sum / this.#told[name]!]),
    );
    const { imagesPerStep } = this.#recipe;
    return {
      ...means,
      ...(this.#skipped > 0 ? { skipped_steps: this.#skipped } : {}),
      loss: means.loss ?? 0,
      step_ms: means.step_ms ?? 0,
      communication_ms: means.communication_ms ?? 0,
      ...this.#rankMeans(means.step_ms ?? 0),
      images_per_second: 1000 * imagesPerStep / (means.step_ms || 1),
      data_ms: sections.get("data") ?? 0,
      forward_ms: sections.get("forward") ?? 0,
      backward_ms: sections.get("backward") ?? 0,
      update_ms: sections.get("update") ?? 0,
    };
  }

  #rankMeans(stepMs: number): Partial<StepMeans> {
    if (this.#rankCount === 0) return {};
    const of = (key: keyof RankTimes) =>
      this.#ranks.map((sum) => sum[key] / this.#rankCount);
    const waits = of("waitMs");
    const wait = waits.reduce((sum, ms) => sum + ms, 0) / waits.length;
    return {
      ready_ms: of("readyMs"),
      wait_ms: waits,
      round_trip_ms: of("roundTripMs"),
      exposed_communication: wait / (stepMs || 1),
    };
  }

  reset(): void {
    this.#count = 0;
    this.#skipped = 0;
    this.#sums = {};
    this.#told = {};
    this.#rankCount = 0;
    this.#ranks = [];
  }

  save(): unknown {
    return {
      count: this.#count,
      skipped: this.#skipped,
      sums: this.#sums,
      told: this.#told,
      rankCount: this.#rankCount,
      ranks: this.#ranks,
    };
  }

  restore(state: unknown): void {
    const { count, skipped, sums, told, rankCount, ranks } = state as {
      count: number;
      skipped: number;
      sums: Record<string, number>;
      told?: Record<string, number>;
      rankCount: number;
      ranks: RankTimes[];
    };
    this.#count = count;
    this.#skipped = skipped;
    this.#sums = { ...sums };
    // Older checkpoints knew figures that all steps tell.
    this.#told = told === undefined
      ? Object.fromEntries(Object.keys(sums).map((name) => [name, count]))
      : { ...told };
    this.#rankCount = rankCount;
    this.#ranks = ranks;
  }
}
