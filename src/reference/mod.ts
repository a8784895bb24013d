export {
  attentionBackwardReference,
  attentionReference,
  type AttentionSizes,
} from "./attention.ts";
export { erf, geluDerivativeReference, geluReference } from "./gelu.ts";
export { reluReference } from "./relu.ts";
export {
  linearBackwardReference,
  linearReference,
  type LinearSizes,
} from "./linear.ts";
export {
  augmentReference,
  type ByteImage,
  type ColourImage,
} from "./augment.ts";
export { mixImagesReference, mixTargetsReference } from "./mix.ts";
export {
  dropoutReference,
  dropPathReference,
  type MaskSource,
} from "./dropout.ts";
export {
  layerNormBackwardReference,
  layerNormReference,
} from "./layer_norm.ts";
export {
  type ImageSizes,
  imageStatisticsReference,
  patchifyBackwardReference,
  patchifyReference,
} from "./patchify.ts";
export {
  assembleTokensBackwardReference,
  assembleTokensReference,
  type PoolShares,
  poolTokensBackwardReference,
  poolTokensReference,
  type TokenSizes,
} from "./tokens.ts";
export {
  consistencyMseReference,
  crossEntropyReference,
  distillKlReference,
  entropyReference,
  featureMseReference,
  type RowLoss,
  softCrossEntropyReference,
  softmaxLinearReference,
} from "./losses.ts";
export {
  adamwReference,
  type AdamwState,
  clipFactorReference,
  sgdReference,
} from "./optimizer.ts";
export {
  type BatchLoss,
  relationalAngleReference,
  relationalDistanceReference,
  type RelationalShape,
} from "./relational.ts";
export { type Blocks, packBlocksReference } from "./wire_blocks.ts";
export { softmaxBackwardReference, softmaxReference } from "./softmax.ts";
export {
  adaMatchReference,
  annealedLossReference,
  fairnessReference,
  type LabelledBatch,
  type PredictedBatch,
  reMixMatchReference,
  udaReference,
} from "./self_training.ts";
export {
  classAttentionReference,
  type ClassAttentionShape,
  combineLogitsReference,
} from "./distillation.ts";
