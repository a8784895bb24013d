import { ConfigError } from "../env/mod.ts";
import type { NamedValues } from "./parameter_set.ts";
import { resizePositions } from "./resize_positions.ts";
import type { Segment } from "./segments.ts";
import { gridOf, prefixTokens, type VitConfig } from "./vit_config.ts";
import { type NamedShapes, toTimmNames, toTimmShapes } from "./weight_names.ts";

/** What became of one tensor of a weights file or one parameter of the model. */
export interface WeightReport {
  name: string;
  /**
   * `loaded` as it was; `resized` to another grid; `copied` from another token;
   * `initialised` because the file has none of that shape; `ignored` because the
   * backbone does not need it: a pooler, or blocks that the model has not.
   */
  action: "loaded" | "resized" | "copied" | "initialised" | "ignored";
  detail?: string;
}

/** The model that weights are for. */
interface WeightsModel {
  config: VitConfig;
  segments: readonly Segment[];
}

/**
 * What {@linkcode fitWeights} would do with tensors of these shapes.
 *
 * @throws {ConfigError} If a tensor of the backbone is missing, has another shape or
 * is not the model's.
 */
export function matchWeights(
  file: NamedShapes,
  { config, segments }: WeightsModel,
): WeightReport[] {
  const found = toTimmShapes(file);
  const report: WeightReport[] = [];
  const used = new Set<string>();
  for (const { name, shape } of segments.flatMap((s) => s.parameters)) {
    const source = found.get(name);
    used.add(name);
    if (source !== undefined && sameShape(source.shape, shape)) {
      report.push({ name, action: "loaded" });
    } else if (name === "pos_embed" && source !== undefined) {
      prefixOf(source.shape, config);
      report.push({
        name,
        action: "resized",
        detail: `[${source.shape}] to [${shape}]`,
      });
    } else if (name === "dist_token" && found.has("cls_token")) {
      report.push({ name, action: "copied", detail: "from cls_token" });
    } else if (name.startsWith("head")) {
      report.push({
        name,
        action: "initialised",
        detail: source === undefined
          ? "not in the file"
          : `[${source.shape}] in the file, [${shape}] here`,
      });
    } else {
      throw new ConfigError(
        source === undefined
          ? `Cannot load weights: the file has no ${name}`
          : `Cannot load weights: ${name} is [${source.shape}] in the file, [${shape}] in the model`,
        {
          hint: "check patch, dim, depth and heads against the weights file",
        },
      );
    }
  }
  for (const name of found.keys()) {
    if (used.has(name)) continue;
    if (isComputed(name, config)) {
      throw new ConfigError(
        `Cannot load weights: the file has ${name}, the model has none`,
        {
          hint:
            "such as LayerScale, registers or norms of queries and keys: without it the weights compute something else",
        },
      );
    }
    report.push({ name, action: "ignored" });
  }
  return report;
}

/**
 * Fits the tensors of a timm or Hugging Face checkpoint to a model.
 *
 * Heads of another number of classes keep their initial values, position
 * embeddings of another grid are resized, and a distillation token that the
 * file lacks starts as the class token.
 *
 * @throws {ConfigError} As {@linkcode matchWeights}.
 */
export function fitWeights(
  file: NamedValues,
  model: WeightsModel & { initial: NamedValues },
): { values: NamedValues; report: WeightReport[] } {
  const report = matchWeights(file, model);
  const actions = new Map(report.map(({ name, action }) => [name, action]));
  const found = toTimmNames(file);
  const values: NamedValues = new Map(model.initial);
  for (const { name, shape } of model.segments.flatMap((s) => s.parameters)) {
    switch (actions.get(name)) {
      case "loaded":
        values.set(name, { shape, data: found.get(name)!.data });
        break;
      case "resized":
        values.set(name, {
          shape,
          data: fitPositions(found.get(name)!, model.config),
        });
        break;
      case "copied":
        values.set(name, { shape, data: found.get("cls_token")!.data });
        break;
    }
  }
  return { values, report };
}

/** Whether what the backbone computes depends on a tensor that the model has no place for. */
function isComputed(name: string, { depth }: VitConfig): boolean {
  const block = /^(?:blocks|encoder\.layer)\.(\d+)\./.exec(name)?.[1];
  if (block !== undefined) return Number(block) < depth;
  return /^(norm_pre|reg_token)\b/.test(name);
}

/** Position embeddings for the model's prefix and grid. */
function fitPositions(
  source: { shape: readonly number[]; data: Float32Array<ArrayBuffer> },
  config: VitConfig,
): Float32Array<ArrayBuffer> {
  const { dim } = config;
  const wanted = prefixTokens(config);
  const prefix = prefixOf(source.shape, config);
  const oldGrid = Math.sqrt(source.data.length / dim - prefix);
  const newGrid = gridOf(config);
  const resized = resizePositions(source.data, {
    prefix,
    oldGrid,
    newGrid,
    dim,
  });
  if (prefix === wanted) return resized;
  const grid = resized.subarray(prefix * dim);
  const result = new Float32Array(wanted * dim + grid.length);
  for (let row = 0; row < wanted; row++) {
    const from = Math.min(row, prefix - 1);
    result.set(resized.subarray(from * dim, (from + 1) * dim), row * dim);
  }
  result.set(grid, wanted * dim);
  return result;
}

/** Rows before the grid: whichever of the usual ones leaves a square. */
function prefixOf(shape: readonly number[], config: VitConfig): number {
  const rows = shape.reduce((product, size) => product * size, 1) / config.dim;
  const prefix = [prefixTokens(config), 1, 2].find((p) =>
    rows > p && Number.isInteger(Math.sqrt(rows - p))
  );
  if (shape.at(-1) !== config.dim || prefix === undefined) {
    throw new ConfigError(
      `Cannot resize position embeddings [${shape}]: no square grid of width ${config.dim}`,
    );
  }
  return prefix;
}

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}
