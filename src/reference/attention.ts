/** Sizes of {@linkcode attentionReference}. */
export interface AttentionSizes {
  batch: number;
  tokens: number;
  heads: number;
  headDim: number;
}

/** Attention over rows `[q, k, v]`, each `[heads, headDim]`, in float64. */
export function attentionReference(
  qkv: ArrayLike<number>,
  sizes: AttentionSizes,
): {
  output: Float64Array<ArrayBuffer>;
  logSumExp: Float64Array<ArrayBuffer>;
} {
  const { batch, tokens, heads, headDim } = sizes;
  const output = new Float64Array(batch * tokens * heads * headDim);
  const logSumExp = new Float64Array(batch * heads * tokens);
  for (let index = 0; index < batch * heads * tokens; index++) {
    const { scores, logSum, outputStart, vStart } = scoresOf(
      qkv,
      sizes,
      index,
    );
    logSumExp[index] = logSum;
    for (let key = 0; key < tokens; key++) {
      const p = Math.exp(scores[key]! - logSum);
      for (let d = 0; d < headDim; d++) {
        output[outputStart + d]! += p * qkv[vStart(key) + d]!;
      }
    }
  }
  return { output, logSumExp };
}

/** Gradient of {@linkcode attentionReference} with respect to `qkv`. */
export function attentionBackwardReference(
  qkv: ArrayLike<number>,
  dOutput: ArrayLike<number>,
  sizes: AttentionSizes,
): Float64Array<ArrayBuffer> {
  const { batch, tokens, heads, headDim } = sizes;
  const scale = 1 / Math.sqrt(headDim);
  const dQkv = new Float64Array(batch * tokens * 3 * heads * headDim);
  for (let index = 0; index < batch * heads * tokens; index++) {
    const { scores, logSum, outputStart, qStart, kStart, vStart } = scoresOf(
      qkv,
      sizes,
      index,
    );
    const p = scores.map((score) => Math.exp(score - logSum));
    const dp = p.map((_, key) => {
      let sum = 0;
      for (let d = 0; d < headDim; d++) {
        sum += dOutput[outputStart + d]! * qkv[vStart(key) + d]!;
      }
      return sum;
    });
    const delta = dp.reduce((sum, value, key) => sum + value * p[key]!, 0);
    for (let key = 0; key < tokens; key++) {
      const ds = p[key]! * (dp[key]! - delta) * scale;
      for (let d = 0; d < headDim; d++) {
        dQkv[vStart(key) + d]! += p[key]! * dOutput[outputStart + d]!;
        dQkv[qStart + d]! += ds * qkv[kStart(key) + d]!;
        dQkv[kStart(key) + d]! += ds * qkv[qStart + d]!;
      }
    }
  }
  return dQkv;
}

/** Scores of one query, numbered `[batch, heads, tokens]`, and where its rows start. */
function scoresOf(
  qkv: ArrayLike<number>,
  { tokens, heads, headDim }: AttentionSizes,
  index: number,
) {
  const query = index % tokens;
  const head = Math.floor(index / tokens) % heads;
  const image = Math.floor(index / tokens / heads);
  const dim = heads * headDim;
  const start = (token: number, part: number) =>
    ((image * tokens + token) * 3 + part) * dim + head * headDim;
  const scores = Array.from({ length: tokens }, (_, key) => {
    let sum = 0;
    for (let d = 0; d < headDim; d++) {
      sum += qkv[start(query, 0) + d]! * qkv[start(key, 1) + d]!;
    }
    return sum / Math.sqrt(headDim);
  });
  const top = Math.max(...scores);
  const logSum = top +
    Math.log(scores.reduce((sum, score) => sum + Math.exp(score - top), 0));
  return {
    scores,
    logSum,
    outputStart: (image * tokens + query) * dim + head * headDim,
    qStart: start(query, 0),
    kStart: (key: number) => start(key, 1),
    vStart: (key: number) => start(key, 2),
  };
}
