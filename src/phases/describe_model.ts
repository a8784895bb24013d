import type { ModelInfo } from "../classifier/mod.ts";
import type { Context } from "./context.ts";
import type { Recipe } from "./recipe.ts";

/** What a phase's model file tells about the model. */
export function describeModel(
  { data, config }: Context,
  { phase, model, feature, input }: Recipe,
  temperature: number | undefined,
): ModelInfo {
  const { channels, width, height } = data.train;
  return {
    model: model.config,
    feature,
    normalisation: input.normalisation,
    classNames: data.classNames,
    images: {
      channels: channels === 1 ? 1 : 3,
      width,
      height,
      padded: config.data.kind !== "folder" && config.data.kind !== "csv",
    },
    ...(temperature === undefined ? {} : { temperature }),
    phase,
  };
}
