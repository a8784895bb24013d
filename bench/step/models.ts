import { ConfigError } from "../../src/env/mod.ts";
import {
  countParameters,
  tokensOf,
  type VitConfig,
  vitSegments,
} from "../../src/model/mod.ts";

/** A model at a batch, as a row of `bench step`. */
export interface StepModel {
  /** As in rows, such as `vit32p4d192l6h3b64`. */
  readonly shape: string;
  readonly about: string;
  readonly config: VitConfig;
  readonly batch: number;
}

/** Models by size; the first is the one that peers run too. */
export const STEP_MODELS: readonly StepModel[] = [
  model("ViT, the peers' model", {
    image: 32,
    patch: 4,
    dim: 192,
    depth: 6,
    heads: 3,
    batch: 64,
  }),
  model("DeiT-Ti at 32 px", {
    image: 32,
    patch: 4,
    dim: 192,
    depth: 12,
    heads: 3,
    distilled: true,
    batch: 64,
  }),
  model("DeiT-S at 224 px", {
    image: 224,
    patch: 16,
    dim: 384,
    depth: 12,
    heads: 6,
    distilled: true,
    batch: 8,
  }),
];

interface Sizes {
  image: number;
  patch: number;
  dim: number;
  depth: number;
  heads: number;
  distilled?: boolean;
  batch: number;
}

function model(about: string, sizes: Sizes): StepModel {
  const { batch, distilled = false, ...rest } = sizes;
  const { image, patch, dim, depth, heads } = rest;
  const kind = distilled ? "deit" : "vit";
  return {
    shape: `${kind}${image}p${patch}d${dim}l${depth}h${heads}b${batch}`,
    about,
    config: { ...rest, distilled, classes: 10, epsilon: 1e-6 },
    batch,
  };
}

const SHAPE = /^(vit|deit)(\d+)p(\d+)d(\d+)l(\d+)h(\d+)b(\d+)$/;

/**
 * A model by its shape, in the notation of the rows.
 *
 * @throws {ConfigError} If it is no shape, or heads do not divide the width.
 */
export function modelOf(shape: string): StepModel {
  const known = STEP_MODELS.find((candidate) => candidate.shape === shape);
  if (known !== undefined) return known;
  const hint = `shapes are written ${STEP_MODELS[0]!.shape}`;
  const found = SHAPE.exec(shape);
  if (found === null) {
    throw new ConfigError(`Cannot use --model ${shape}: it is no shape`, {
      hint,
    });
  }
  const [image, patch, dim, depth, heads, batch] = found.slice(2).map(Number);
  const sizes = { image, patch, dim, depth, heads, batch };
  const wrong = Object.entries(sizes).find(([, size]) => !(size! >= 1));
  if (wrong !== undefined || dim! % heads! !== 0 || patch! > image!) {
    throw new ConfigError(
      `Cannot use --model ${shape}: sizes must be at least 1, heads divide the width and a patch fit the image`,
      { hint },
    );
  }
  return model("as asked for", {
    ...sizes as Sizes,
    distilled: found[1] === "deit",
  });
}

/** Parameters of the model. */
export function parametersOf({ config }: StepModel): number {
  return countParameters(vitSegments(config));
}

/**
 * Floating-point operations of the matrix products of one training step: three
 * for each product of a layer (forward, input gradient, weight gradient), the
 * patch embedding without its input gradient, and attention's: two products
 * forward, four backward. What is computed again in backward does not count.
 */
export function stepFlops({ config, batch }: StepModel): {
  gemm: number;
  attention: number;
} {
  const { dim, depth, patch, classes, distilled } = config;
  const tokens = tokensOf(config);
  const prefix = distilled ? 2 : 1;
  const rows = batch * tokens;
  const block = 12 * dim * dim * rows;
  const embedding = 3 * patch * patch * dim * batch * (tokens - prefix);
  const heads = prefix * batch * dim * classes;
  const scores = batch * tokens * tokens * dim;
  return {
    gemm: 2 * (3 * depth * block + 2 * embedding + 3 * heads),
    attention: 2 * 6 * depth * scores,
  };
}
