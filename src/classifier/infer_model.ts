import { ConfigError } from "../env/mod.ts";
import { type NamedValues, toTimmNames, type VitConfig } from "../model/mod.ts";

/** What a Hugging Face `config.json` says, as far as shapes do not. */
export interface TheirConfig {
  heads?: number | undefined;
  epsilon?: number | undefined;
  image?: number | undefined;
  classNames?: readonly string[] | undefined;
}

/** Width of a head in every published ViT and DeiT. */
const HEAD_WIDTH = 64;
/** timm's; Hugging Face files say their own. */
const EPSILON = 1e-6;

/**
 * The size of a model from the shapes of its tensors, under timm or Hugging Face
 * names.
 *
 * @throws {ConfigError} If they are no ViT or DeiT.
 */
export function inferModel(
  file: NamedValues,
  { heads, epsilon, image }: TheirConfig,
  name: string,
): VitConfig {
  const values = toTimmNames(file);
  const shape = (parameter: string): readonly number[] => {
    const found = values.get(parameter);
    if (found !== undefined) return found.shape;
    throw new ConfigError(
      `Cannot import ${name}: it has no ${parameter}, so it is no ViT or DeiT`,
      { hint: `it has ${[...values.keys()].slice(0, 5).join(", ")} …` },
    );
  };
  const [dim = 0, channels, patch = 0] = shape("patch_embed.proj.weight");
  if (channels !== 3) {
    throw new ConfigError(
      `Cannot import ${name}: its patches have ${channels} channels, not 3`,
    );
  }
  let depth = 0;
  while (values.has(`blocks.${depth}.norm1.weight`)) depth++;
  const distilled = values.has("dist_token");
  const positions = shape("pos_embed").at(-2) ?? 0;
  const grid = Math.sqrt(positions - (distilled ? 2 : 1));
  if (!Number.isInteger(grid) || depth === 0) {
    throw new ConfigError(
      `Cannot import ${name}: ${positions} positions and ${depth} blocks are no ViT`,
    );
  }
  const number = heads ?? Math.max(1, Math.round(dim / HEAD_WIDTH));
  if (dim % number !== 0) {
    throw new ConfigError(
      `Cannot import ${name}: ${number} heads do not divide width ${dim}`,
      { hint: "say it with --heads N" },
    );
  }
  return {
    image: image ?? grid * patch,
    patch,
    dim,
    depth,
    heads: number,
    ...headsOf(values, name),
    distilled,
    epsilon: epsilon ?? EPSILON,
  };
}

/** Classes, and the hidden layers of an MLP head. */
function headsOf(
  values: NamedValues,
  name: string,
): Pick<VitConfig, "classes" | "hidden"> {
  const hidden: number[] = [];
  for (let i = 1; values.has(`head.fc${i}.weight`); i++) {
    hidden.push(values.get(`head.fc${i}.weight`)!.shape[0]!);
  }
  const classes = hidden.pop() ?? values.get("head.weight")?.shape[0];
  if (classes === undefined) {
    throw new ConfigError(
      `Cannot import ${name}: it has no head, so it classifies nothing`,
      { hint: "train one on it: student.weights=FILE" },
    );
  }
  return { classes, ...(hidden.length > 0 ? { hidden } : {}) };
}
