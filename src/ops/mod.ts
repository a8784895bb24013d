export { accumulate } from "./accumulate.ts";
export {
  attentionBackward,
  type AttentionBackwardArgs,
  attentionForward,
  type AttentionForwardArgs,
} from "./attention.ts";
export {
  geluBackward,
  type GeluBackwardArgs,
  geluForward,
  type GeluForwardArgs,
} from "./gelu.ts";
export {
  reluBackward,
  type ReluBackwardArgs,
  reluForward,
  type ReluForwardArgs,
} from "./relu.ts";
export {
  linearForward,
  type LinearForwardArgs,
  linearInputGradient,
  type LinearInputGradientArgs,
  linearWeightGradient,
  type LinearWeightGradientArgs,
} from "./linear.ts";
export { adamw, type AdamwArgs } from "./adamw.ts";
export { argmaxRows } from "./argmax.ts";
export { biasCorrections } from "./bias_corrections.ts";
export {
  classAttention,
  type ClassAttentionArgs,
  classAttentionBackward,
  type ClassAttentionSizes,
} from "./class_attention.ts";
export { combineLogits } from "./combine_logits.ts";
export { consistencyMse, type ConsistencyMseArgs } from "./consistency.ts";
export {
  crossEntropy,
  type CrossEntropyArgs,
  softCrossEntropy,
  type SoftCrossEntropyArgs,
} from "./cross_entropy.ts";
export { distillKl, type DistillKlArgs } from "./distill_kl.ts";
export { entropy, type EntropyArgs } from "./entropy.ts";
export { featureMse, type FeatureMseArgs } from "./feature_mse.ts";
export { cast } from "./cast.ts";
export { gradientNorm } from "./gradient_norm.ts";
export { type LossScaleRule, updateLossScale } from "./loss_scale.ts";
export { reduceSum } from "./reduce_sum.ts";
export {
  relationalAngle,
  type RelationalArgs,
  relationalDistance,
  relationalPairs,
} from "./relational.ts";
export { sgd, type SgdArgs } from "./sgd.ts";
export { scaleBy, type ScaleByArgs } from "./scale_by.ts";
export { softmaxBackward, softmaxForward } from "./softmax.ts";
export { softmaxLinear, type SoftmaxLinearArgs } from "./softmax_linear.ts";
export { add, type AddArgs } from "./add.ts";
export { augment, type AugmentArgs } from "./augment.ts";
export {
  MIX_WORDS,
  mixImages,
  type MixImagesArgs,
  type MixPlan,
  mixTargets,
  type MixTargetsArgs,
  packMix,
} from "./mix.ts";
export {
  type Affine,
  type Box,
  type Change,
  type Colour,
  type Cover,
  packPlan,
  planStride,
  type ViewPlan,
} from "./view_plan.ts";
export { copyRows, type CopyRowsArgs } from "./copy_rows.ts";
export { dropout, type DropoutArgs, type MaskArgs } from "./dropout.ts";
export {
  dropPath,
  type DropPathArgs,
  dropPathBackward,
  type DropPathBackwardArgs,
} from "./drop_path.ts";
export {
  type ImageShard,
  ImageStore,
  type StoredImages,
} from "./image_store.ts";
export {
  imageStatistics,
  type ImageStatisticsArgs,
} from "./image_statistics.ts";
export {
  layerNormBackward,
  type LayerNormBackwardArgs,
  layerNormForward,
  type LayerNormForwardArgs,
} from "./layer_norm.ts";
export {
  patchify,
  type PatchifyArgs,
  patchifyBackward,
  type PatchifyBackwardArgs,
} from "./patchify.ts";
export {
  poolTokens,
  type PoolTokensArgs,
  poolTokensBackward,
  type PoolTokensBackwardArgs,
  type PoolWeights,
} from "./pool_tokens.ts";
export {
  assembleTokens,
  type AssembleTokensArgs,
  assembleTokensBackward,
  type AssembleTokensBackwardArgs,
} from "./tokens.ts";
export { type HalfType, packedWords, packWire, unpackWire } from "./wire.ts";
export { packBlocks, packedGroups, unpackBlocks } from "./wire_blocks.ts";
export { zero } from "./zero.ts";
export { probeForm } from "./probe.ts";
