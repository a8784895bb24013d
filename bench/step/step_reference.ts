import {
  gridOf,
  prefixTokens,
  tokensOf,
  type VitConfig,
} from "../../src/model/mod.ts";
import {
  assembleTokensReference,
  attentionReference,
  crossEntropyReference,
  geluReference,
  layerNormReference,
  linearReference,
  patchifyReference,
} from "../../src/reference/mod.ts";
import type { StepProblem } from "./step_problem.ts";

/** Parameters by timm name. */
export type Weights = ReadonlyMap<string, ArrayLike<number>>;

/** Mean cross-entropy of the problem's batch in float64, over all heads. */
export function lossReference(
  config: VitConfig,
  weights: Weights,
  problem: StepProblem,
): number {
  const { image, patch, dim, depth, heads, classes, epsilon } = config;
  const batch = problem.labels.length;
  const tokens = tokensOf(config);
  const rows = batch * tokens;
  const at = (name: string) => weights.get(name)!;
  const linear = (
    x: ArrayLike<number>,
    name: string,
    [count, inner, outer]: readonly [number, number, number],
  ) =>
    linearReference(x, at(`${name}.weight`), at(`${name}.bias`), {
      rows: count,
      inner,
      outer,
    });
  const norm = (x: ArrayLike<number>, name: string) =>
    layerNormReference(x, at(`${name}.weight`), at(`${name}.bias`), {
      dim,
      epsilon,
    }).output;

  const patches = patchifyReference(
    Float64Array.from(problem.images.pixels, (value) => value / 255),
    [0.5, 2, 0.5, 2, 0.5, 2],
    { batch, channels: 3, height: image, width: image, patch },
  );
  const embedded = linear(patches, "patch_embed.proj", [
    batch * gridOf(config) ** 2,
    3 * patch * patch,
    dim,
  ]);
  const prefix = ["cls_token", "dist_token"].slice(0, prefixTokens(config));
  let x = assembleTokensReference(embedded, prefix.map(at), at("pos_embed"), {
    batch,
    tokens,
    dim,
  });
  for (let i = 0; i < depth; i++) {
    const block = `blocks.${i}`;
    const qkv = linear(norm(x, `${block}.norm1`), `${block}.attn.qkv`, [
      rows,
      dim,
      3 * dim,
    ]);
    const { output } = attentionReference(qkv, {
      batch,
      tokens,
      heads,
      headDim: dim / heads,
    });
    x = sum(x, linear(output, `${block}.attn.proj`, [rows, dim, dim]));
    const hidden = linear(norm(x, `${block}.norm2`), `${block}.mlp.fc1`, [
      rows,
      dim,
      4 * dim,
    ]);
    const active = geluReference(hidden);
    x = sum(x, linear(active, `${block}.mlp.fc2`, [rows, 4 * dim, dim]));
  }
  const last = norm(x, "norm");
  const losses = ["head", "head_dist"].slice(0, prefix.length).map(
    (head, token) => {
      const pooled = new Float64Array(batch * dim);
      for (let b = 0; b < batch; b++) {
        const start = (b * tokens + token) * dim;
        pooled.set(last.subarray(start, start + dim), b * dim);
      }
      const { loss } = crossEntropyReference(
        linear(pooled, head, [batch, dim, classes]),
        problem.labels,
        new Float64Array(batch).fill(1),
        { cols: classes, smoothing: 0 },
      );
      return loss.reduce((a, b) => a + b, 0) / batch;
    },
  );
  return losses.reduce((a, b) => a + b, 0) / losses.length;
}

function sum(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((value, i) => value + b[i]!);
}
