import { RunFolder } from "../run/mod.ts";
import type { Context } from "./context.ts";
import type { Judgement } from "./judgement.ts";
import type { Provenance } from "./provenance.ts";

/** An image a line, as the final model labels it. */
const COLUMNS = [
  "index",
  "name",
  "label",
  "class",
  "confidence",
  "weight",
  "kept",
  "reason",
  "first_round",
  "times_used",
  "times_seen",
  "flips",
  "true_label",
];

/**
 * Writes `pseudo_labels.csv` on rank 0: what every unlabelled image is taken for, why
 * it is used or not, and what became of it while training.
 *
 * @returns Figures of the phase.
 */
export async function writePseudoLabels(
  { data, split, env, runFolder, communicator }: Context,
  { labels, confidence, weights, whyNot }: Judgement,
  provenance: Provenance,
): Promise<Record<string, number>> {
  let kept = 0;
  let right = 0;
  let known = 0;
  const rows = Array.from(split.unlabelled, (index, i) => {
    const label = labels[i]!;
    const weight = weights[i]!;
    const truth = data.train.labels[index]!;
    if (weight > 0) {
      kept++;
      if (truth >= 0) known++;
      if (truth === label) right++;
    }
    const history = provenance.at(i);
    return [
      index,
      data.train.nameOf(index),
      label,
      data.classNames[label] ?? "",
      confidence[i]!.toFixed(6),
      Number(weight.toFixed(4)),
      weight > 0 ? 1 : 0,
      weight > 0 ? "" : whyNot(i),
      history.firstUsed < 0 ? "" : history.firstUsed + 1,
      history.timesUsed,
      history.timesSeen,
      history.flips,
      truth >= 0 ? truth : "",
    ];
  });
  if (communicator.rank === 0) {
    await new RunFolder(env.disk, runFolder).writeTable(
      "pseudo_labels.csv",
      COLUMNS,
      rows,
    );
  }
  return {
    pseudo_label_yield: kept / Math.max(1, rows.length),
    ...(known > 0 ? { pseudo_label_accuracy: right / known } : {}),
    pseudo_label_flips: provenance.meanFlips,
  };
}
