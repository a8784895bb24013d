import { percent } from "../../src/evaluation/mod.ts";
import type { PhaseName, PhaseSummary } from "../../src/phases/engine.ts";
import { clockTime, table } from "../console.ts";
import type { ProgressMessage } from "../protocol.ts";
import type { Failure } from "./state.ts";

/** Lines for people about why a run failed: what, where, and what to do. */
export function describeFailure(
  failure: Failure,
  about: {
    /** Left out, nothing of the run is left. */
    runFolder: string | undefined;
    /** Newest output of the rank. */
    tail: readonly string[];
    /** Folder names of checkpoints, newest last. */
    checkpoints: readonly string[];
  },
): string[] {
  const { runFolder, tail, checkpoints } = about;
  const lines = [`error: ${headline(failure)}`];
  if (failure.rank !== undefined && runFolder !== undefined) {
    // One that never came has none.
    if (failure.host !== undefined) {
      lines.push(`  log: ${runFolder}/logs/rank-${failure.rank}.jsonl`);
    }
    if (tail.length > 0) {
      lines.push(
        `  last output (${runFolder}/logs/rank-${failure.rank}.stderr):`,
        ...tail.map((line) => `    ${line}`),
      );
    }
  }
  if (failure.stack !== undefined) {
    lines.push("  stack:", ...failure.stack.split("\n").map((l) => `    ${l}`));
  }
  if (checkpoints.length > 0) {
    lines.push(
      `  last checkpoint: ${runFolder}/checkpoints/${checkpoints.at(-1)}`,
    );
  }
  if (failure.hint !== undefined) lines.push(`hint: ${failure.hint}`);
  const again = failure.exitCode !== 2 && failure.exitCode !== 3;
  if (again && runFolder !== undefined) {
    lines.push(
      `${
        failure.hint === undefined ? "hint: " : "      "
      }go on with: deno task train --resume ${runFolder}`,
    );
  }
  return lines;
}

/** `rank 1 (host n1, pid 7, Tesla T4) failed in phase distill, step 31: …` */
export function headline(failure: Failure): string {
  if (failure.rank === undefined) return `the run failed: ${failure.cause}`;
  const who = [
    failure.host === undefined ? [] : [`host ${failure.host}`],
    failure.pid === undefined ? [] : [`pid ${failure.pid}`],
    failure.adapter === undefined ? [] : [failure.adapter],
  ].flat().join(", ");
  const where = failure.phase === undefined
    ? "before the first phase"
    : `in phase ${failure.phase}, step ${failure.step}`;
  const state = failure.kind === "exit" || failure.signal === undefined
    ? ""
    : ` (ended by ${failure.signal})`;
  return `rank ${failure.rank}${
    who === "" ? "" : ` (${who})`
  } failed ${where}: ${failure.cause}${state}`;
}

/** Shares of the step time, and the time to the end of the phase. */
export function progressLine(
  progress: ProgressMessage,
  etaMs: number | undefined,
): string {
  const { phase, step, steps, loss, learningRate } = progress;
  const parts = [
    ["data", progress.dataMs],
    ["fwd", progress.forwardMs],
    ["bwd", progress.backwardMs],
    ["comm", progress.communicationMs],
  ] as const;
  const total = parts.reduce((sum, [, ms]) => sum + ms, 0);
  const shares = parts.map(([name, ms]) =>
    `${name} ${total > 0 ? Math.round(100 * ms / total) : 0}%`
  ).join(" ");
  const accuracy = progress.validationAccuracy;
  return [
    phase.padEnd(9) + `${step}/${steps}`.padStart(10),
    `loss ${loss === null ? "not finite" : loss.toFixed(3)}`,
    `lr ${learningRate.toExponential(1)}`,
    `${Math.round(progress.imagesPerSecond)} img/s`.padStart(10),
    shares,
    ...(accuracy === undefined ? [] : [`val ${percent(accuracy)}`]),
    ...(progress.maskRate === undefined
      ? []
      : [`used ${percent(progress.maskRate)}`]),
    ...(etaMs === undefined ? [] : [`eta ${clockTime(etaMs)}`]),
  ].join("  ");
}

/** One of several phases in a line. */
export function shortProgress(
  progress: ProgressMessage,
  etaMs: number | undefined,
): string {
  const { phase, step, steps, loss, imagesPerSecond } = progress;
  return [
    phase,
    `${step}/${steps}`,
    `loss ${loss === null ? "not finite" : loss.toFixed(3)}`,
    `${Math.round(imagesPerSecond)} img/s`,
    ...(etaMs === undefined ? [] : [`eta ${clockTime(etaMs)}`]),
  ].join(" ");
}

/**
 * Final figures, a phase a row; with few labels, what a linear classifier on the
 * pixels gets with them.
 */
export function summaryTable(
  phases: Iterable<[PhaseName, PhaseSummary]>,
): string[] {
  const cell = (value: unknown, show: (value: number) => string) =>
    typeof value === "number" ? show(value) : "-";
  const rows = [...phases].map(([name, summary]) => [
    name,
    cell(summary.test_accuracy, percent),
    cell(summary.val_accuracy, percent),
    cell(summary.steps, String),
    cell(summary.images, String),
    cell(summary.seconds, (value) => value.toFixed(1)),
    cell(summary.images_per_second, (value) => value.toFixed(0)),
  ]);
  const floor = [...phases].map(([, summary]) => summary.pixel_ridge_accuracy)
    .find((value) => typeof value === "number");
  if (floor !== undefined) {
    rows.push(["pixel ridge", percent(floor), ...Array(5).fill("-")]);
  }
  return table([
    ["phase", "test", "validation", "steps", "images", "seconds", "img/s"],
    ...rows,
  ]);
}
