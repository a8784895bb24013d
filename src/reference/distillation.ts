import { softmaxReference } from "./softmax.ts";

/** Logarithm of the models' mean probabilities, or of the share of their votes. */
export function combineLogitsReference(
  models: readonly ArrayLike<number>[],
  { cols, kind }: { cols: number; kind: "mean" | "vote" },
): Float64Array {
  const sum = new Float64Array(models[0]!.length);
  for (const logits of models) {
    const p = softmaxReference(logits, cols);
    for (let start = 0; start < sum.length; start += cols) {
      let top = start;
      for (let i = start; i < start + cols; i++) {
        if (logits[i]! > logits[top]!) top = i;
        if (kind === "mean") sum[i]! += p[i]! / models.length;
      }
      if (kind === "vote") sum[top]! += 1 / models.length;
    }
  }
  return sum.map((value) => Math.log(Math.max(value, 1e-6)));
}

/** Sizes for {@linkcode classAttentionReference}. */
export interface ClassAttentionShape {
  batch: number;
  tokens: number;
  heads: number;
  headDim: number;
  prefix: number;
}

/**
 * The class token's attention to the patches, mean over heads, as logarithms; and the
 * gradient of `sum dMap map` for queries, keys and values `[batch * tokens, 3 dim]`.
 */
export function classAttentionReference(
  qkv: ArrayLike<number>,
  dMap: ArrayLike<number>,
  shape: ClassAttentionShape,
): { map: Float64Array; gradient: Float64Array } {
  const { batch, tokens, heads, headDim, prefix } = shape;
  const dim = heads * headDim;
  const patches = tokens - prefix;
  const scale = 1 / Math.sqrt(headDim);
  const map = new Float64Array(batch * patches);
  const gradient = new Float64Array(qkv.length);
  for (let b = 0; b < batch; b++) {
    const query = (h: number, c: number) =>
      b * tokens * 3 * dim + h * headDim + c;
    const key = (h: number, j: number, c: number) =>
      (b * tokens + j) * 3 * dim + dim + h * headDim + c;
    const weights = Array.from({ length: heads }, (_, h) => {
      const scores = Array.from({ length: tokens }, (_, j) => {
        let score = 0;
        for (let c = 0; c < headDim; c++) {
          score += qkv[query(h, c)]! * qkv[key(h, j, c)]!;
        }
        return scale * score;
      });
      return softmaxReference(scores, tokens);
    });
    const means = Array.from(
      { length: patches },
      (_, p) => weights.reduce((sum, row) => sum + row[prefix + p]!, 0) / heads,
    );
    means.forEach((mean, p) => map[b * patches + p] = Math.log(mean + 1e-12));
    for (let h = 0; h < heads; h++) {
      const row = weights[h]!;
      const dWeights = Array.from(
        { length: tokens },
        (_, j) =>
          j < prefix ? 0 : dMap[b * patches + j - prefix]! /
            (heads * (means[j - prefix]! + 1e-12)),
      );
      const inner = dWeights.reduce((sum, d, j) => sum + d * row[j]!, 0);
      for (let j = 0; j < tokens; j++) {
        const dScore = scale * row[j]! * (dWeights[j]! - inner);
        for (let c = 0; c < headDim; c++) {
          gradient[key(h, j, c)]! += dScore * qkv[query(h, c)]!;
          gradient[query(h, c)]! += dScore * qkv[key(h, j, c)]!;
        }
      }
    }
  }
  return { map, gradient };
}
