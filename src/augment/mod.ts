/**
 * Random views of images: what a configuration asks for, drawn on the host as a
 * function of step and position, done by kernels.
 *
 * @module
 */
export type { DrawSource } from "./draws.ts";
export { DRAW, symmetricBeta } from "./draws.ts";
export { contactSheet, previewPage } from "./contact_sheet.ts";
export { makePreview, type Preview, type PreviewPhase } from "./preview.ts";
export { Mixing, type MixingOptions } from "./mixing.ts";
export type { Size } from "./placement.ts";
export { partnerOf, planMix } from "./plan_mix.ts";
export { planView } from "./plan_view.ts";
export {
  type AugmentConfig,
  augmentOf,
  isRandom,
  mixes,
  type MixPolicy,
  PLAIN_VIEW,
  strongPolicy,
  type ViewPolicy,
  weakPolicy,
} from "./policy.ts";
export { Views, type ViewsOptions } from "./views.ts";
