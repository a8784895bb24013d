import { type Segment, type VitConfig, vitSegments } from "../model/mod.ts";
import type { OptimizerOptions } from "../training/mod.ts";
import type { Fixture } from "./fixture.ts";
import { layerIds, type ModelConfig, noDecay, readJson } from "./schema.ts";

/** Decay of the files' moving average: ema = 0.9 ema + 0.1 p. */
export const EMA_DECAY = 0.9;

/** The model that a file's configuration describes. */
export function vitConfigOf(config: ModelConfig): VitConfig {
  return {
    image: config.image,
    patch: config.patch,
    dim: config.dim,
    depth: config.depth,
    heads: config.heads,
    classes: config.classes,
    distilled: config.dist === 1,
    epsilon: config.eps,
  };
}

/** The optimizer that a file's configuration describes. */
export function optimizerOf({ opt }: ModelConfig): OptimizerOptions {
  const common = {
    weightDecay: opt.weight_decay,
    clipNorm: opt.clip_norm ?? 0,
    layerDecay: opt.layer_decay ?? 1,
    ema: EMA_DECAY,
  };
  return opt.kind === "adamw"
    ? {
      kind: "adamw",
      beta1: opt.betas[0],
      beta2: opt.betas[1],
      epsilon: opt.eps,
      momentum: 0,
      ...common,
    }
    : {
      kind: "sgd",
      beta1: 0,
      beta2: 0,
      epsilon: 0,
      momentum: opt.momentum,
      ...common,
    };
}

/**
 * The segments of the model. What decays is taken from the file; that the
 * model's own rules for decay and layers agree with the file is a group of its
 * own.
 */
export function segmentsOf(fixture: Fixture, config: VitConfig): Segment[] {
  const segments = vitSegments(config);
  if (fixture.metadata.no_decay === undefined) return segments;
  const fixed = new Set(readJson(fixture, "no_decay", noDecay));
  fixture.pass("layout");
  for (const { parameters } of segments) {
    for (const { name, decays } of parameters) {
      if (decays !== fixed.has(name)) continue;
      fixture.fail("layout", `weight decay of ${name}: ${decays} here`);
    }
  }
  if (fixture.metadata.layer_id !== undefined) {
    const layers = readJson(fixture, "layer_id", layerIds);
    for (const { parameters, layer } of segments) {
      for (const { name } of parameters) {
        if (layers[name] === layer) continue;
        fixture.fail(
          "layout",
          `layer of ${name}: ${layer} here, ${layers[name]}`,
        );
      }
    }
  }
  return segments.map((segment) => ({
    ...segment,
    parameters: segment.parameters.map((parameter) => ({
      ...parameter,
      decays: !fixed.has(parameter.name),
    })),
  }));
}
