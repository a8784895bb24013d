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

/** What a Hugging Face `config.json` says; other keys are not looked at. */
export function readTheirConfig(
  json: Readonly<Record<string, unknown>>,
): TheirConfig {
  const number = (key: string) => {
    const value = json[key];
    return typeof value === "number" && value > 0 ? value : undefined;
  };
  const labels = Object.entries(Object(json.id2label))
    .sort(([a], [b]) => Number(a) - Number(b))
    .map(([, name]) => String(name));
  return {
    heads: number("num_attention_heads"),
    epsilon: number("layer_norm_eps"),
    image: number("image_size"),
    classNames: labels.length > 0 ? labels : undefined,
  };
}
