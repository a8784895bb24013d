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
  /** Widths of the heads' hidden layers; absent or empty = linear heads. */
  hidden?: readonly number[] | undefined;
}

/** A head: of the feature, or of the distillation token. */
export type HeadName = "head" | "head_dist";

/** Names of a head's layers: `head`, or `head.fc1`, `head.fc2`, … of an MLP. */
export function headLayerNames(
  { hidden = [] }: VitConfig,
  name: HeadName,
): string[] {
  if (hidden.length === 0) return [name];
  return Array.from(
    { length: hidden.length + 1 },
    (_, i) => `${name}.fc${i + 1}`,
  );
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
