import type { NamedValues } from "./parameter_set.ts";

/** What has a shape, by its name. */
export type NamedShapes = ReadonlyMap<
  string,
  { readonly shape: readonly number[] }
>;

/**
 * Renames Hugging Face ViT and DeiT parameters to timm's and joins
 * query, key and value; timm names pass unchanged. Prefixes such as `vit.`,
 * `deit.`, `model.` and `module.` are stripped.
 */
export function toTimmNames(values: NamedValues): NamedValues {
  const result: NamedValues = new Map();
  for (const [name, sources] of timmSources(values.keys())) {
    const parts = sources.map((source) => values.get(source)!);
    result.set(name, parts.length === 1 ? parts[0]! : joined(parts));
  }
  return result;
}

/** The shapes of what {@linkcode toTimmNames} makes. */
export function toTimmShapes(shapes: NamedShapes): NamedShapes {
  return new Map(
    [...timmSources(shapes.keys())].map(([name, sources]) => [
      name,
      { shape: joinedShape(sources.map((source) => shapes.get(source)!)) },
    ]),
  );
}

/** Of each timm name the names that it is made of: one, or query, key and value. */
function timmSources(names: Iterable<string>): Map<string, readonly string[]> {
  const sources = new Map<string, readonly string[]>();
  const groups = new Map<string, Map<string, string>>();
  for (const name of names) {
    const timm = timmName(name);
    const split = /^(.*\.attn)\.(query|key|value)\.(weight|bias)$/.exec(timm);
    if (split === null) {
      sources.set(timm, [name]);
      continue;
    }
    const [, attention, part, kind] = split;
    const whole = `${attention}.qkv.${kind}`;
    const group = groups.get(whole) ?? new Map<string, string>();
    groups.set(whole, group.set(part!, name));
  }
  for (const [whole, group] of groups) {
    const parts = ["query", "key", "value"]
      .flatMap((part) => group.get(part) ?? []);
    if (parts.length === 3) {
      sources.set(whole, parts);
      continue;
    }
    for (const [part, name] of group) {
      sources.set(whole.replace("qkv", part), [name]);
    }
  }
  return sources;
}

/** The rows of all parts behind each other. */
function joined(parts: readonly NamedValue[]): NamedValue {
  const data = new Float32Array(
    parts.reduce((sum, part) => sum + part.data.length, 0),
  );
  let at = 0;
  for (const part of parts) {
    data.set(part.data, at);
    at += part.data.length;
  }
  return { shape: joinedShape(parts), data };
}

function joinedShape(
  parts: readonly { readonly shape: readonly number[] }[],
): readonly number[] {
  const [first, ...others] = parts.map(({ shape }) => shape);
  if (others.length === 0) return first!;
  const [rows = 0, ...rest] = first!;
  return [others.reduce((sum, [more = 0]) => sum + more, rows), ...rest];
}

/**
 * timm names to Hugging Face names: root `vit` with `classifier`, or `deit`
 * with `cls_classifier` and `distillation_classifier`.
 */
export function toHuggingFaceNames(values: NamedValues): NamedValues {
  const root = values.has("dist_token") ? "deit" : "vit";
  const result: NamedValues = new Map();
  for (const [name, value] of values) {
    const qkv = /^blocks\.(\d+)\.attn\.qkv\.(weight|bias)$/.exec(name);
    if (qkv === null) {
      result.set(huggingFaceName(name, root), value);
      continue;
    }
    const [, block, kind] = qkv;
    const [rows = 0, ...rest] = value.shape;
    const length = value.data.length / 3;
    ["query", "key", "value"].forEach((part, i) => {
      result.set(
        `${root}.encoder.layer.${block}.attention.attention.${part}.${kind}`,
        {
          shape: [rows / 3, ...rest],
          data: value.data.slice(i * length, (i + 1) * length),
        },
      );
    });
  }
  return result;
}

type NamedValue = NamedValues extends Map<string, infer V> ? V : never;

/** Hugging Face name inside the root, timm name; `#` is the block's number. */
const NAMES: readonly (readonly [string, string])[] = [
  ["embeddings.cls_token", "cls_token"],
  ["embeddings.distillation_token", "dist_token"],
  ["embeddings.position_embeddings", "pos_embed"],
  ["embeddings.patch_embeddings.projection", "patch_embed.proj"],
  ["encoder.layer.#.layernorm_before", "blocks.#.norm1"],
  ["encoder.layer.#.layernorm_after", "blocks.#.norm2"],
  ["encoder.layer.#.attention.attention", "blocks.#.attn"],
  ["encoder.layer.#.attention.output.dense", "blocks.#.attn.proj"],
  ["encoder.layer.#.intermediate.dense", "blocks.#.mlp.fc1"],
  ["encoder.layer.#.output.dense", "blocks.#.mlp.fc2"],
  ["layernorm", "norm"],
];

/** Hugging Face heads, outside the root, and the timm heads of each root. */
const HEADS: Readonly<Record<string, string>> = {
  classifier: "head",
  cls_classifier: "head",
  distillation_classifier: "head_dist",
};

function timmName(name: string): string {
  const bare = name.replace(/^(module\.|model\.|_orig_mod\.)+/, "")
    .replace(/^(vit|deit)\./, "");
  const head = /^(\w+)\.((?:fc\d+\.)?(?:weight|bias))$/.exec(bare);
  if (head && Object.hasOwn(HEADS, head[1]!)) {
    return `${HEADS[head[1]!]}.${head[2]}`;
  }
  const block = /^encoder\.layer\.(\d+)\./.exec(bare)?.[1];
  const general = block === undefined
    ? bare
    : bare.replace(/^encoder\.layer\.\d+\./, "encoder.layer.#.");
  for (const [theirs, ours] of NAMES) {
    if (general !== theirs && !general.startsWith(`${theirs}.`)) continue;
    return (ours + general.slice(theirs.length)).replace("#", block ?? "#");
  }
  return bare;
}

function huggingFaceName(name: string, root: string): string {
  const head = /^(head|head_dist)\.((?:fc\d+\.)?(?:weight|bias))$/.exec(name);
  if (head) {
    const theirs = root === "vit"
      ? "classifier"
      : head[1] === "head"
      ? "cls_classifier"
      : "distillation_classifier";
    return `${theirs}.${head[2]}`;
  }
  const block = /^blocks\.(\d+)\./.exec(name)?.[1];
  const general = name.replace(/^blocks\.\d+\./, "blocks.#.");
  for (const [theirs, ours] of NAMES) {
    if (general !== ours && !general.startsWith(`${ours}.`)) continue;
    // `blocks.#.attn` alone would also match `blocks.#.attn.proj`.
    if (ours === "blocks.#.attn") continue;
    return `${root}.${theirs}${general.slice(ours.length)}`
      .replace("#", block ?? "#");
  }
  return name;
}
