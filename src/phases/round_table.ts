import { roundLabels, topClasses } from "./rules/mod.ts";

/** All pseudo-labels of a round. */
export interface RoundTable {
  round: number;
  /** Position among the unlabelled images of each that is learned from. */
  kept: number[];
  labels: number[];
  /** Class probabilities of each of these, where they are learned. */
  targets?: Float16Array<ArrayBuffer>;
}

/** A table as a checkpoint's JSON holds it. */
export type StoredTable = Omit<RoundTable, "targets"> & { targets?: string };

/** Labels all unlabelled images for a round. */
export function makeTable(
  round: number,
  probabilities: ArrayLike<number>,
  options: {
    classes: number;
    threshold: number;
    /** As many images of each class. */
    balance: boolean;
    /** Learn all probabilities, not the top class. */
    soft: boolean;
  },
): RoundTable {
  const { classes, soft } = options;
  const { kept, labels } = roundLabels(probabilities, options);
  if (!soft) return { round, kept, labels };
  const targets = new Float16Array(kept.length * classes);
  kept.forEach((row, i) => {
    for (let c = 0; c < classes; c++) {
      targets[i * classes + c] = probabilities[row * classes + c]!;
    }
  });
  return { round, kept, labels, targets };
}

/** Rows of a table as pseudo-labels of full weight. */
export function tableRows(
  { labels, targets }: RoundTable,
  rows: ArrayLike<number>,
  classes: number,
) {
  const count = rows.length;
  const own = Int32Array.from(rows, (row) => labels[row]!);
  const common = { labels: own, weights: new Float32Array(count).fill(1) };
  if (targets === undefined) {
    return { ...common, confidence: new Float32Array(count).fill(1) };
  }
  const wanted = new Float32Array(count * classes);
  for (let i = 0; i < count; i++) {
    const start = rows[i]! * classes;
    wanted.set(targets.subarray(start, start + classes), i * classes);
  }
  const { confidence } = topClasses(wanted, classes);
  return { ...common, targets: wanted, confidence };
}

export function storeTable({ targets, ...rest }: RoundTable): StoredTable {
  if (targets === undefined) return rest;
  const bytes = new Uint8Array(targets.buffer);
  return { ...rest, targets: bytes.toBase64() };
}

export function restoreTable({ targets, ...rest }: StoredTable): RoundTable {
  if (targets === undefined) return rest;
  const { buffer } = Uint8Array.fromBase64(targets);
  return { ...rest, targets: new Float16Array(buffer) };
}
