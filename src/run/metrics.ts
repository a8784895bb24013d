import type { Disk } from "../env/mod.ts";

/** One line of `metrics.jsonl`: a logged step or an evaluation. */
export interface MetricsLine {
  /** Milliseconds since 1970. */
  time: number;
  phase: string;
  /** Optimizer steps done in the phase. */
  step: number;
  epoch: number;
  split: "train" | "validation" | "test";
  loss?: number;
  /** 0..1 */
  accuracy?: number;
  macro_precision?: number;
  macro_recall?: number;
  macro_f1?: number;
  /** Learning rate. */
  lr?: number;
  images_per_second?: number;
  /** Mean wall time of a step; the parts below may not add up to it. */
  step_ms?: number;
  data_ms?: number;
  forward_ms?: number;
  backward_ms?: number;
  /** Optimizer and EMA. */
  update_ms?: number;
  communication_ms?: number;
  /** Of each rank: own work until its last gradients were on their way. */
  ready_ms?: number[];
  /** Of each rank: waiting for others. */
  wait_ms?: number[];
  /** Of each rank: a message to the server and back. */
  round_trip_ms?: number[];
  /** Part of the steps that ranks waited for each other, their mean, 0..1. */
  exposed_communication?: number;
  /** Mean factor of the loss, with precision f16. */
  loss_scale?: number;
  /** Steps since the last line whose gradient overflowed. */
  skipped_steps?: number;
  /** Share of unlabelled images whose pseudo-label was used, 0..1. */
  mask_rate?: number;
  /** Share of the unlabelled images with a pseudo-label, 0..1. */
  pseudo_label_yield?: number;
  /** Share of those that are right, where the truth is known, 0..1. */
  pseudo_label_accuracy?: number;
}

/** Lines that are complete; the others are counted. */
export async function readMetrics(
  disk: Disk,
  runFolder: string,
): Promise<{ lines: MetricsLine[]; damaged: number }> {
  const path = `${runFolder}/metrics.jsonl`;
  if ((await disk.stat(path))?.kind !== "file") {
    return { lines: [], damaged: 0 };
  }
  const lines: MetricsLine[] = [];
  let damaged = 0;
  for (const text of (await disk.readText(path)).split("\n")) {
    if (text === "") continue;
    const line = parseLine(text);
    if (line) lines.push(line);
    else damaged++;
  }
  return { lines, damaged };
}

function parseLine(text: string): MetricsLine | undefined {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { phase, step, split } = value as Partial<MetricsLine>;
  return typeof phase === "string" && Number.isFinite(step) &&
      (split === "train" || split === "validation" || split === "test")
    ? value as MetricsLine
    : undefined;
}
