import type { Normalisation } from "../training/mod.ts";
import type { ModelInfo } from "./model_info.ts";
import type { TheirConfig } from "./infer_model.ts";

/** `config.json` of a Hugging Face model folder. */
export function toTheirConfig(
  { model, classNames }: ModelInfo,
  { headless }: { headless: boolean },
): Record<string, unknown> {
  const { image, patch, dim, depth, heads, distilled, epsilon } = model;
  return {
    architectures: [
      headless
        ? distilled ? "DeiTModel" : "ViTModel"
        : distilled
        ? "DeiTForImageClassificationWithTeacher"
        : "ViTForImageClassification",
    ],
    model_type: distilled ? "deit" : "vit",
    hidden_size: dim,
    num_hidden_layers: depth,
    num_attention_heads: heads,
    intermediate_size: 4 * dim,
    hidden_act: "gelu",
    image_size: image,
    patch_size: patch,
    num_channels: 3,
    qkv_bias: true,
    layer_norm_eps: epsilon,
    ...(headless ? {} : {
      id2label: Object.fromEntries(classNames.map((name, c) => [c, name])),
      label2id: Object.fromEntries(classNames.map((name, c) => [name, c])),
    }),
  };
}

/** `preprocessor_config.json`; undefined where its keys cannot say how images are normalised. */
export function toTheirPreprocessor(
  { model, normalisation }: ModelInfo,
): Record<string, unknown> | undefined {
  if (normalisation.kind !== "constant") return undefined;
  return {
    image_processor_type: "ViTImageProcessor",
    do_resize: true,
    size: { height: model.image, width: model.image },
    resample: 2,
    do_rescale: true,
    rescale_factor: 1 / 255,
    do_normalize: true,
    image_mean: normalisation.mean,
    image_std: normalisation.deviation,
  };
}

type Json = Readonly<Record<string, unknown>>;

/** What a `config.json` of Hugging Face or timm says; other keys are not looked at. */
export function readTheirConfig(json: Json): TheirConfig {
  const number = (key: string) => {
    const value = json[key];
    return typeof value === "number" && value > 0 ? value : undefined;
  };
  const names = json.id2label ?? json.label_names ??
    timmPart(json).label_names ?? json.labels;
  const labels = Object.entries(Object(names))
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, name]) => String(name));
  return {
    heads: number("num_attention_heads"),
    epsilon: number("layer_norm_eps"),
    image: number("image_size"),
    classNames: labels.length > 0 ? labels : undefined,
  };
}

/**
 * How images are to be normalised: by `preprocessor_config.json`, or by a `config.json`
 * of timm. Undefined where neither says it.
 */
export function readTheirNormalisation(
  preprocessor: Json,
  config: Json,
): Normalisation | undefined {
  const timm = timmPart(config);
  const found = [
    [preprocessor.image_mean, preprocessor.image_std],
    [timm.mean, timm.std],
  ].find((pair) => pair.every(isThree));
  if (found === undefined) return undefined;
  const [mean, deviation] = found as [number[], number[]];
  return { kind: "constant", mean, deviation };
}

/** Where timm says what images a model was trained with; early files have no such group. */
function timmPart(config: Json): Json {
  return Object(config.pretrained_cfg ?? config);
}

function isThree(value: unknown): boolean {
  return Array.isArray(value) && value.length === 3 &&
    value.every((each) => typeof each === "number");
}
