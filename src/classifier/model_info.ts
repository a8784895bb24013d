import { ConfigError } from "../env/mod.ts";
import type { FeatureKind, VitConfig } from "../model/mod.ts";
import type { Normalisation } from "../training/mod.ts";
import { modelInfoSchema } from "./schema.ts";

/** Key of the description in a safetensors header. */
const KEY = "signet";

/**
 * What is needed beside the weights to classify pictures: it travels in the
 * header of every `model.safetensors`, so that the file alone is a classifier.
 */
export interface ModelInfo {
  readonly model: VitConfig;
  readonly feature: FeatureKind;
  readonly normalisation: Normalisation;
  /** By class number. */
  readonly classNames: readonly string[];
  /** Images as they are kept before views are made of them. */
  readonly images: {
    channels: 1 | 3;
    width: number;
    height: number;
    /** Images of the set's own size were padded to this one, not enlarged: 28 to 32. */
    padded: boolean;
  };
  /** Divides the logits, so that confidences are what they say; absent = not calibrated. */
  readonly temperature?: number;
  /** Phase that the weights are from. */
  readonly phase: string;
}

/** The description as safetensors metadata. */
export function toMetadata(info: ModelInfo): Record<string, string> {
  return { [KEY]: JSON.stringify({ version: 1, ...info }) };
}

/** Whether the metadata of a model file describes the model. */
export function isDescribed(
  metadata: Readonly<Record<string, string>>,
): boolean {
  return metadata[KEY] !== undefined;
}

/**
 * Reads the description of a model file.
 *
 * @param name Stands in messages for the file.
 * @throws {ConfigError} If the file has none, or it is no valid one.
 */
export function fromMetadata(
  metadata: Readonly<Record<string, string>>,
  name: string,
): ModelInfo {
  const text = metadata[KEY];
  if (text === undefined) {
    throw new ConfigError(
      `Cannot use ${name}: its header does not describe the model`,
      { hint: `deno task import ${name} makes a described model of it` },
    );
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw new ConfigError(`Cannot use ${name}: its header is damaged`, {
      cause: error,
    });
  }
  const parsed = modelInfoSchema.safeParse(json);
  if (!parsed.success) {
    const { path, message } = parsed.error.issues[0]!;
    throw new ConfigError(
      `Cannot use ${name}: ${path.join(".") || "header"}: ${message}`,
    );
  }
  const { version: _, temperature, ...info } = parsed.data;
  if (info.classNames.length !== info.model.classes) {
    throw new ConfigError(
      `Cannot use ${name}: ${info.classNames.length} class names for ${info.model.classes} classes`,
    );
  }
  return { ...info, ...(temperature === undefined ? {} : { temperature }) };
}
