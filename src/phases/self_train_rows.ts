import type { RowRange } from "../training/mod.ts";
import type { Context } from "./context.ts";

/** Rows of one rank: labelled first, then unlabelled. */
export interface SelfTrainRows {
  globalLabelled: number;
  globalUnlabelled: number;
  /** First own position among the labelled and the unlabelled of the global batch. */
  firstLabelled: number;
  firstUnlabelled: number;
  labelled: number;
  unlabelled: number;
}

/** The share of a rank in both kinds of rows, by `phases.selfTrain.unlabelledRatio`. */
export function selfTrainRows(
  { config, communicator, division, log }: Context,
): SelfTrainRows {
  const { globalBatch } = config;
  const { unlabelledRatio } = config.phases.selfTrain;
  const { size } = communicator;
  const wanted = Math.round(globalBatch / (1 + unlabelledRatio));
  const globalLabelled = Math.min(globalBatch - size, Math.max(size, wanted));
  const globalUnlabelled = globalBatch - globalLabelled;
  if (globalLabelled !== wanted) {
    log(
      "warn",
      `a step of self-training has ${globalLabelled} labelled and ${globalUnlabelled} unlabelled images, not as phases.selfTrain.unlabelledRatio says: each of ${size} ranks needs one of both kinds, so that fewer ranks learn otherwise`,
    );
  }
  const [firstLabelled, endLabelled] = division.own(globalLabelled);
  const [firstUnlabelled, endUnlabelled] = division.own(globalUnlabelled);
  return {
    globalLabelled,
    globalUnlabelled,
    firstLabelled,
    firstUnlabelled,
    labelled: endLabelled - firstLabelled,
    unlabelled: endUnlabelled - firstUnlabelled,
  };
}

/** The rows of a range that lie in `[start, end)`, counted from `start`. */
export function overlap(range: RowRange, start: number, end: number): RowRange {
  const from = Math.min(Math.max(range.first, start), end);
  const to = Math.max(from, Math.min(range.first + range.size, end));
  return { first: from - start, size: to - from };
}
