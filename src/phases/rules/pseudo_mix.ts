import type { PseudoLabels } from "./rule.ts";

/** Confidence-weighted mixing of two pseudo-labelled images. */
export interface PseudoMix {
  /** Part of pixels and target that is the row's own. */
  share: Float64Array<ArrayBuffer>;
  /** Weight of each mixed row. */
  weights: Float32Array<ArrayBuffer>;
}

/**
 * Probabilistic pseudo-mixup (Semi-ViT, Cai et al. 2022): the surer an image is
 * beside its partner, the more there is of it; a mix counts as the surer of the two.
 */
export function pseudoMix(
  { confidence, weights }: PseudoLabels,
  partnerOf: (row: number) => number,
): PseudoMix {
  return {
    share: Float64Array.from(confidence, (own, row) => {
      return own / (own + confidence[partnerOf(row)]!);
    }),
    weights: weights.map((own, row) => Math.max(own, weights[partnerOf(row)]!)),
  };
}
