import {
  fitRidge,
  fitTemperature,
  softmaxRows,
  suspectLabels,
} from "../evaluation/mod.ts";
import { RunFolder } from "../run/mod.ts";
import { Inference } from "../training/mod.ts";
import type { Context } from "./context.ts";
import type { Recipe } from "./recipe.ts";

/** More known images are no few labels, and their kernel matrix is large. */
const MOST_KNOWN = 1000;
/** Lines of the table. */
const MOST_LISTED = 200;

/** Images of one part whose labels are judged. */
interface Judged {
  part: "labelled" | "validation" | "test";
  index: number;
  name: string;
}

/**
 * Judges the labels of the known images by what was not learnt from them, and
 * writes `suspected_labels_<phase>.csv`: test images by the model itself, labelled
 * and validation images by a linear classifier on the model's features that
 * leaves out each image in turn. All ranks call it.
 *
 * @param test Calibrated probabilities and labels of the test images.
 */
export async function writeSuspectedLabels(
  context: Context,
  recipe: Recipe,
  { test, onBatch }: {
    test: { probabilities: Float64Array; labels: Int32Array };
    onBatch: () => void;
  },
): Promise<void> {
  const { data, split, communicator, env, runFolder } = context;
  const known = knownImages(context);
  const features = await readFeatures(context, recipe, onBatch);
  if (communicator.rank !== 0) return;
  const { classNames } = data;
  const classes = classNames.length;
  const rows = [
    ...list(
      [...split.test].map((index) => ({
        part: "test",
        index,
        name: data.test.nameOf(index),
      })),
      { ...test, classes },
    ),
    ...(features === undefined ? [] : list(
      known.map(([part, index]) => ({
        part,
        index,
        name: data.train.nameOf(index),
      })),
      {
        ...leftOut(
          features,
          known.map(([, index]) => data.train.labels[index]!),
          { classes, onBatch },
        ),
        classes,
      },
    )),
  ].sort((a, b) => b.doubt - a.doubt).slice(0, MOST_LISTED);
  await new RunFolder(env.disk, runFolder).writeTable(
    `suspected_labels_${recipe.phase}.csv`,
    [
      "part",
      "index",
      "name",
      "label",
      "suggested",
      "confidence",
      "self_confidence",
    ],
    rows.map(({ image, label, suggested, confidence, selfConfidence }) => [
      image.part,
      image.index,
      image.name,
      classNames[label]!,
      classNames[suggested]!,
      confidence.toFixed(4),
      selfConfidence.toFixed(4),
    ]),
  );
}

function list(
  images: readonly Judged[],
  { probabilities, labels, classes }: {
    probabilities: Float64Array;
    labels: ArrayLike<number>;
    classes: number;
  },
) {
  return suspectLabels(probabilities, labels, classes).map((suspect) => ({
    ...suspect,
    image: images[suspect.row]!,
    doubt: suspect.confidence - suspect.selfConfidence,
  }));
}

/** The labelled and validation images, by part and index. */
function knownImages({ split }: Context) {
  return [
    ...[...split.labelled].map((index) => ["labelled", index] as const),
    ...[...split.validation].map((index) => ["validation", index] as const),
  ];
}

/** What gives the features of the known images; undefined where there are many. */
export function knownFeatures(
  context: Context,
  { evaluated, input, feature }: Recipe,
  onBatch: () => void,
): Inference | undefined {
  const { device, communicator, division, trainStore, leftovers } = context;
  const known = knownImages(context);
  if (known.length > MOST_KNOWN) return undefined;
  return new Inference({
    device,
    communicator,
    division,
    model: evaluated,
    input,
    feature,
    store: trainStore,
    indices: Int32Array.from(known, ([, index]) => index),
    output: "feature",
    onBatch,
    leftovers,
  });
}

/** The features row by row, on every rank. */
async function readFeatures(
  context: Context,
  recipe: Recipe,
  onBatch: () => void,
): Promise<Float32Array[] | undefined> {
  using inference = knownFeatures(context, recipe, onBatch);
  if (inference === undefined) return undefined;
  const rows = await inference.run();
  const { dim } = recipe.evaluated.config;
  return Array.from(
    { length: rows.length / dim },
    (_, i) => Float32Array.from(rows.subarray(i * dim, (i + 1) * dim)),
  );
}

/** Probabilities of each image by the others. */
function leftOut(
  features: readonly Float32Array[],
  labels: readonly number[],
  { classes, onBatch }: { classes: number; onBatch: () => void },
): { probabilities: Float64Array; labels: readonly number[] } {
  const scores = fitRidge(features, labels, classes, onBatch).leftOut;
  const temperature = fitTemperature(scores, labels, classes);
  return {
    probabilities: softmaxRows(
      scores.map((score) => score / temperature),
      classes,
    ),
    labels,
  };
}
