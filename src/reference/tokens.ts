/** Sizes of token rows, `[batch * tokens, dim]`. */
export interface TokenSizes {
  batch: number;
  tokens: number;
  dim: number;
  /** Tokens before the patches. */
  prefix: number;
}

/** Shares of the class token, the distillation token and the mean patch. */
export interface PoolShares {
  class: number;
  distillation: number;
  patches: number;
}

/** Prefix tokens and patches plus position embeddings, in float64. */
export function assembleTokensReference(
  patches: ArrayLike<number>,
  prefixTokens: readonly ArrayLike<number>[],
  positions: ArrayLike<number>,
  { batch, tokens, dim }: Omit<TokenSizes, "prefix">,
): Float64Array {
  const output = new Float64Array(batch * tokens * dim);
  const prefix = prefixTokens.length;
  for (let b = 0; b < batch; b++) {
    for (let n = 0; n < tokens; n++) {
      for (let c = 0; c < dim; c++) {
        const value = n < prefix
          ? prefixTokens[n]![c]!
          : patches[(b * (tokens - prefix) + n - prefix) * dim + c]!;
        output[(b * tokens + n) * dim + c] = value + positions[n * dim + c]!;
      }
    }
  }
  return output;
}

/** Gradients of {@linkcode assembleTokensReference}. */
export function assembleTokensBackwardReference(
  dTokens: ArrayLike<number>,
  { batch, tokens, dim, prefix }: TokenSizes,
): {
  dPatches: Float64Array;
  dPrefix: Float64Array[];
  dPositions: Float64Array;
} {
  const dPatches = new Float64Array(batch * (tokens - prefix) * dim);
  const dPositions = new Float64Array(tokens * dim);
  for (let b = 0; b < batch; b++) {
    for (let n = 0; n < tokens; n++) {
      for (let c = 0; c < dim; c++) {
        const d = dTokens[(b * tokens + n) * dim + c]!;
        dPositions[n * dim + c]! += d;
        if (n < prefix) continue;
        dPatches[(b * (tokens - prefix) + n - prefix) * dim + c] = d;
      }
    }
  }
  const dPrefix = Array.from(
    { length: prefix },
    (_, n) => dPositions.slice(n * dim, (n + 1) * dim),
  );
  return { dPatches, dPrefix, dPositions };
}

/** Weighted sum of each image's tokens, `[batch, dim]`, in float64. */
export function poolTokensReference(
  values: ArrayLike<number>,
  shares: PoolShares,
  sizes: TokenSizes,
): Float64Array {
  const { batch, tokens, dim } = sizes;
  const output = new Float64Array(batch * dim);
  for (let b = 0; b < batch; b++) {
    for (let n = 0; n < tokens; n++) {
      for (let c = 0; c < dim; c++) {
        output[b * dim + c]! += shareOf(n, shares, sizes) *
          values[(b * tokens + n) * dim + c]!;
      }
    }
  }
  return output;
}

/** Gradient of {@linkcode poolTokensReference}, `[batch * tokens, dim]`. */
export function poolTokensBackwardReference(
  dPooled: ArrayLike<number>,
  shares: PoolShares,
  sizes: TokenSizes,
): Float64Array {
  const { batch, tokens, dim } = sizes;
  return Float64Array.from({ length: batch * tokens * dim }, (_, i) => {
    const b = Math.floor(i / (tokens * dim));
    const n = Math.floor(i / dim) % tokens;
    return shareOf(n, shares, sizes) * dPooled[b * dim + i % dim]!;
  });
}

function shareOf(
  token: number,
  shares: PoolShares,
  { tokens, prefix }: TokenSizes,
): number {
  if (token === 0) return shares.class;
  if (token < prefix) return shares.distillation;
  return shares.patches / (tokens - prefix);
}
