import { type Context, furtherConfig } from "./context.ts";
import type { FeatureKind, Vit } from "../model/mod.ts";
import type { Normalisation } from "../training/mod.ts";
import { firstWeights } from "./first_weights.ts";
import { normalisationOf } from "./normalisation.ts";

/** A model that only predicts: what its images and its heads are. */
export interface FrozenModel {
  model: Vit;
  normalisation: Normalisation;
  /** What the heads see. */
  feature: FeatureKind;
}

/** Loads the models of `teachers` or `phases.selfTrain.voters`. */
export async function loadFurther(
  context: Context,
  own: (model: Vit) => Vit,
  base: "teacher" | "student",
): Promise<FrozenModel[]> {
  const { config, data, split } = context;
  const [key, list] = base === "teacher"
    ? ["teachers", config.teachers] as const
    : ["voters", config.phases.selfTrain.voters] as const;
  const models: FrozenModel[] = [];
  for (const [i, further] of list.entries()) {
    const model = own(
      await firstWeights(context, {
        role: `${key}.${i}`,
        size: furtherConfig(context, base, further),
        weights: further.weights,
        seed: config.seed,
        complete: true,
      }),
    );
    models.push({
      model,
      feature: further.feature,
      normalisation: further.normalise
        ? normalisationOf(further.normalise, data, split)
        : base === "teacher"
        ? context.teacherInput
        : context.studentInput,
    });
  }
  return models;
}
