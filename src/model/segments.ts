import { elements } from "../gpu/mod.ts";
import {
  headLayerNames,
  type HeadName,
  tokensOf,
  type VitConfig,
} from "./vit_config.ts";

/** A named parameter and its place in a segment. */
export interface ParameterSpec {
  /** timm name, such as `blocks.0.attn.qkv.weight`. */
  readonly name: string;
  readonly shape: readonly number[];
  /** First element in the segment: a multiple of 128, so that views can be bound. */
  readonly offset: number;
  readonly length: number;
  /** Weight decay applies: matrices, not vectors, tokens or positions. */
  readonly decays: boolean;
}

/** Parameters that share one buffer, one optimizer dispatch and one bucket. */
export interface Segment {
  readonly name: string;
  /** For layer-wise learning-rate decay: 0 embeddings, i + 1 block i, depth + 1 norm and heads. */
  readonly layer: number;
  readonly parameters: readonly ParameterSpec[];
  /** Elements with padding, a multiple of 128; padding stays 0. */
  readonly length: number;
}

/** Elements to which every parameter is aligned: 256 bytes of f16. */
export const ALIGNMENT = 128;
/** Elements of the largest segment: 32 MB, see the size rule for driver heaps. */
const MAX_SEGMENT = 8 * 1024 * 1024;

type Shapes = readonly (readonly [name: string, shape: readonly number[]])[];

/** The segments of a ViT or DeiT, in forward order. */
export function vitSegments(config: VitConfig): Segment[] {
  const { dim, depth, patch } = config;
  const segments: Segment[] = [];
  segments.push(...packSegments("embeddings", 0, [
    ["cls_token", [1, 1, dim]],
    ...(config.distilled ? [["dist_token", [1, 1, dim]] as const] : []),
    ["pos_embed", [1, tokensOf(config), dim]],
    ["patch_embed.proj.weight", [dim, 3, patch, patch]],
    ["patch_embed.proj.bias", [dim]],
  ]));
  for (let i = 0; i < depth; i++) {
    const shapes: Shapes = [
      ["norm1.weight", [dim]],
      ["norm1.bias", [dim]],
      ["attn.qkv.weight", [3 * dim, dim]],
      ["attn.qkv.bias", [3 * dim]],
      ["attn.proj.weight", [dim, dim]],
      ["attn.proj.bias", [dim]],
      ["norm2.weight", [dim]],
      ["norm2.bias", [dim]],
      ["mlp.fc1.weight", [4 * dim, dim]],
      ["mlp.fc1.bias", [4 * dim]],
      ["mlp.fc2.weight", [dim, 4 * dim]],
      ["mlp.fc2.bias", [dim]],
    ];
    segments.push(...packSegments(
      `blocks.${i}`,
      i + 1,
      shapes.map(([name, shape]) => [`blocks.${i}.${name}`, shape] as const),
    ));
  }
  segments.push(...packSegments("norm", depth + 1, [
    ["norm.weight", [dim]],
    ["norm.bias", [dim]],
  ]));
  segments.push(...packSegments("heads", depth + 1, [
    ...headShapes(config, "head"),
    ...(config.distilled ? headShapes(config, "head_dist") : []),
  ]));
  return segments;
}

function headShapes(config: VitConfig, name: HeadName): Shapes {
  const widths = [config.dim, ...config.hidden ?? [], config.classes];
  return headLayerNames(config, name).flatMap((layer, i) => [
    [`${layer}.weight`, [widths[i + 1]!, widths[i]!]],
    [`${layer}.bias`, [widths[i + 1]!]],
  ]);
}

/** Parameters of the model, padding not counted. */
export function countParameters(segments: readonly Segment[]): number {
  return segments.flatMap((segment) => segment.parameters)
    .reduce((sum, parameter) => sum + parameter.length, 0);
}

/** Lays parameters out in segments of at most {@linkcode MAX_SEGMENT} elements. */
export function packSegments(
  name: string,
  layer: number,
  shapes: Shapes,
): Segment[] {
  const segments: Segment[] = [];
  let parameters: ParameterSpec[] = [];
  let length = 0;
  const close = () => {
    if (parameters.length === 0) return;
    const suffix = segments.length === 0 ? "" : `.${segments.length}`;
    segments.push({ name: name + suffix, layer, parameters, length });
    parameters = [];
    length = 0;
  };
  for (const [parameter, shape] of shapes) {
    const size = elements(shape);
    const padded = Math.ceil(size / ALIGNMENT) * ALIGNMENT;
    if (length > 0 && length + padded > MAX_SEGMENT) close();
    parameters.push({
      name: parameter,
      shape,
      offset: length,
      length: size,
      decays: parameter.endsWith(".weight") && shape.length > 1,
    });
    length += padded;
  }
  close();
  return segments;
}
