import type { RunFolder } from "./run_folder.ts";

/** What a model makes of labelled images. */
export interface PredictionTable {
  classNames: readonly string[];
  /** Place of each image in its part of the set. */
  indices: ArrayLike<number>;
  names: readonly string[];
  /** True class of each image, and the predicted one. */
  labels: ArrayLike<number>;
  predictions: ArrayLike<number>;
  /** `[images, classes]` */
  probabilities: ArrayLike<number>;
}

/** Classes by number, as in the other tables of a run, and by name. */
const COLUMNS = [
  "index",
  "name",
  "label",
  "prediction",
  "confidence",
  "class",
  "predicted_class",
];

/** Writes a `predictions.csv`: an image a line, with the confidence of its prediction. */
export async function writePredictions(
  folder: RunFolder,
  file: string,
  table: PredictionTable,
): Promise<void> {
  const { classNames, indices, labels, predictions, probabilities } = table;
  await folder.writeTable(
    file,
    COLUMNS,
    table.names.map((name, i) => {
      const [label, prediction] = [labels[i]!, predictions[i]!];
      return [
        indices[i]!,
        name,
        label,
        prediction,
        probabilities[i * classNames.length + prediction]!.toFixed(6),
        classNames[label]!,
        classNames[prediction]!,
      ];
    }),
  );
}
