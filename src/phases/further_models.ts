import type { Config } from "../config/mod.ts";
import type { FeatureKind, Vit } from "../model/mod.ts";
import type { Normalisation } from "../training/mod.ts";
import { type Context, furtherConfig } from "./context.ts";
import { finishedModel } from "./finished_model.ts";
import { firstWeights } from "./first_weights.ts";
import { normalisationOf } from "./normalisation.ts";
import { trainedTeachers } from "./teachers.ts";

/** A model that only predicts: what its images and its heads are. */
export interface FrozenModel {
  model: Vit;
  normalisation: Normalisation;
  /** What the heads see. */
  feature: FeatureKind;
}

/** The models of `teachers`: loaded from a file, or as their phases have left them. */
export async function loadTeachers(
  context: Context,
  own: (model: Vit) => Vit,
): Promise<FrozenModel[]> {
  const { config } = context;
  const trained = trainedTeachers(config);
  const models: FrozenModel[] = [];
  for (const [i, further] of config.teachers.entries()) {
    const size = furtherConfig(context, "teacher", further);
    const phase = trained.find(({ index }) => index === i)?.phase;
    models.push({
      model: own(
        phase === undefined
          ? await loadModel(context, `teachers.${i}`, size, further.weights!)
          : await finishedModel(context, phase, size),
      ),
      normalisation: inputOfTeacher(context, further),
      feature: phase === undefined ? further.feature : config.student.feature,
    });
  }
  return models;
}

/** The models of `phases.selfTrain.voters`. */
export async function loadVoters(
  context: Context,
  own: (model: Vit) => Vit,
): Promise<FrozenModel[]> {
  const { config, data, split, studentInput } = context;
  const models: FrozenModel[] = [];
  for (const [i, voter] of config.phases.selfTrain.voters.entries()) {
    const size = furtherConfig(context, "student", voter);
    models.push({
      model: own(await loadModel(context, `voters.${i}`, size, voter.weights)),
      normalisation: voter.normalise
        ? normalisationOf(voter.normalise, data, split)
        : studentInput,
      feature: voter.feature,
    });
  }
  return models;
}

/** How the images of a further teacher are normalised. */
export function inputOfTeacher(
  { data, split, teacherInput }: Context,
  { normalise }: Config["teachers"][number],
): Normalisation {
  return normalise ? normalisationOf(normalise, data, split) : teacherInput;
}

function loadModel(
  context: Context,
  role: string,
  size: Vit["config"],
  weights: string,
): Promise<Vit> {
  const { seed } = context.config;
  return firstWeights(context, { role, size, weights, seed, complete: true });
}
