export {
  gridOf,
  headLayerNames,
  prefixTokens,
  tokensOf,
  type VitConfig,
} from "./vit_config.ts";
export {
  ALIGNMENT,
  countParameters,
  packSegments,
  type ParameterSpec,
  type Segment,
  vitSegments,
} from "./segments.ts";
export {
  decayMask,
  type NamedTensors,
  type NamedValues,
  ParameterSet,
} from "./parameter_set.ts";
export { initialValues } from "./initialise.ts";
export type { ClassAttention } from "./block.ts";
export type { Regularisation } from "./branch.ts";
export {
  type Vit,
  type VitActivations,
  vitBackward,
  vitForward,
  type VitForwardOptions,
} from "./vit.ts";
export {
  type FeatureKind,
  type HeadActivations,
  type HeadGradients,
  headsBackward,
  headsForward,
  headWeightGradients,
  type PoolWeights,
  predictedLogits,
} from "./heads.ts";
export {
  type NamedShapes,
  toHuggingFaceNames,
  toTimmNames,
} from "./weight_names.ts";
export { fitWeights, matchWeights, type WeightReport } from "./load_weights.ts";
export { resizePositions } from "./resize_positions.ts";
