import { ConfigError } from "../env/mod.ts";
import type { NamedValues } from "./parameter_set.ts";
import { resizePositions } from "./resize_positions.ts";
import type { Segment } from "./segments.ts";
import { gridOf, prefixTokens, type VitConfig } from "./vit_config.ts";
import { toTimmNames } from "./weight_names.ts";

/** What became of one tensor of a weights file or one parameter of the model. */
export interface WeightReport {
  name: string;
  /**
   * `loaded` as it was; `resized` to another grid; `copied` from another token;
   * `initialised` because the file has none of that shape; `ignored` because the
   * model has none of that name.
   */
  action: "loaded" | "resized" | "copied" | "initialised" | "ignored";
  detail?: string;
}

/**
 * Fits the tensors of a timm or Hugging Face checkpoint to a model.
 *
 * Heads of another number of classes keep their initial values, position
 * embeddings of another grid are resized, and a distillation token that the
 * file lacks starts as the class token.
 *
 * @throws {ConfigError} If a tensor of the backbone is missing or has another shape.
 */
export function fitWeights(
  file: NamedValues,
  model: {
    config: VitConfig;
    segments: readonly Segment[];
    initial: NamedValues;
  },
): { values: NamedValues; report: WeightReport[] } {
  const found = toTimmNames(file);
  const { config, segments, initial } = model;
  const values: NamedValues = new Map(initial);
  const report: WeightReport[] = [];
  const used = new Set<string>();
  for (const { parameters } of segments) {
    for (const { name, shape } of parameters) {
      const source = found.get(name);
      used.add(name);
      if (source !== undefined && sameShape(source.shape, shape)) {
        values.set(name, { shape, data: source.data });
        report.push({ name, action: "loaded" });
      } else if (name === "pos_embed" && source !== undefined) {
        values.set(name, { shape, data: fitPositions(source, config) });
        report.push({
          name,
          action: "resized",
          detail: `[${source.shape}] to [${shape}]`,
        });
      } else if (name === "dist_token" && found.has("cls_token")) {
        values.set(name, { shape, data: found.get("cls_token")!.data });
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
  }
  for (const name of found.keys()) {
    if (!used.has(name)) report.push({ name, action: "ignored" });
  }
  return { values, report };
}

/** Position embeddings for the model's prefix and grid. */
function fitPositions(
  source: { shape: readonly number[]; data: Float32Array<ArrayBuffer> },
  config: VitConfig,
): Float32Array<ArrayBuffer> {
  const dim = config.dim;
  const rows = source.data.length / dim;
  const wanted = prefixTokens(config);
  // The file's own prefix: whichever leaves a square grid.
  const prefix = [wanted, 1, 2].find((p) =>
    Number.isInteger(Math.sqrt(rows - p))
  );
  if (source.shape.at(-1) !== dim || prefix === undefined) {
    throw new ConfigError(
      `Cannot resize position embeddings [${source.shape}]: no square grid of width ${dim}`,
    );
  }
  const oldGrid = Math.sqrt(rows - prefix);
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

function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}
