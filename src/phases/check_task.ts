import type { Config } from "../config/mod.ts";
import type { Split } from "../data/mod.ts";
import { ConfigError } from "../env/mod.ts";

/**
 * Whether the phases of a run have something to learn from its images.
 *
 * @throws {ConfigError} If there are too few classes, or none to label.
 */
export function checkTask(
  { teacher, phases }: Config,
  { name, classNames, split }: {
    name: string;
    classNames: readonly string[];
    split: Split;
  },
): void {
  const { selfTrain, classify, baseline } = phases;
  const classifies = selfTrain.enabled || classify.enabled ||
    baseline.enabled ||
    (phases.teacher.enabled && teacher.weights === undefined);
  if (classifies && classNames.length < 2) {
    throw new ConfigError(
      `Cannot train on ${name}: it has one class, ${
        classNames[0]
      }, and nothing to tell it from`,
      {
        hint:
          "classes are the folders right below train/, or below data.path without train/",
      },
    );
  }
  if (!selfTrain.enabled || split.unlabelled.length > 0) return;
  const { labelled, validation } = split;
  throw new ConfigError(
    `Cannot self-train on ${name}: all ${
      labelled.length + validation.length
    } training images have labels or are held back for validation`,
    {
      hint:
        "set data.labelsPerClass, add an unlabelled/ folder, or phases.selfTrain.enabled=false",
    },
  );
}
