/** Size of a Vision Transformer. */
export interface VitConfig {
  /** Side of the square input image in pixels. */
  image: number;
  /** Side of a patch in pixels; pixels beyond the last whole patch are not seen. */
  patch: number;
  /** Width of a token. */
  dim: number;
  /** Number of blocks. */
  depth: number;
  heads: number;
  classes: number;
  /** DeiT: a distillation token and a second head. */
  distilled: boolean;
  /** Added to the variance in every LayerNorm. */
  epsilon: number;
}

/** Tokens before the patches: the class token, then the distillation token. */
export function prefixTokens(config: VitConfig): 1 | 2 {
  return config.distilled ? 2 : 1;
}

/** Patches along one side. */
export function gridOf(config: VitConfig): number {
  return Math.floor(config.image / config.patch);
}

/** Tokens of one image. */
export function tokensOf(config: VitConfig): number {
  return prefixTokens(config) + gridOf(config) ** 2;
}
