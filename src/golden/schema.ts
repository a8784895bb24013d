import * as z from "zod";
import { ConfigError } from "../env/mod.ts";

/** A size that this program would build buffers from: bounded, since a file may claim anything. */
const size = z.int().positive().max(65_536);
const rate = z.number().min(0);

// Keys that are not listed are ignored: one that changes what is computed shows as
// an error of the values.
const optimizer = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("adamw"),
    lr: rate,
    betas: z.tuple([rate, rate]),
    eps: rate,
    weight_decay: rate.default(0),
    clip_norm: z.number().positive().optional(),
    layer_decay: z.number().positive().optional(),
  }),
  z.object({
    kind: z.literal("sgd"),
    lr: rate,
    momentum: rate.default(0),
    weight_decay: rate.default(0),
    clip_norm: z.number().positive().optional(),
    layer_decay: z.number().positive().optional(),
  }),
]);

const common = {
  image: size,
  patch: size,
  dim: size,
  depth: z.int().positive().max(1000),
  heads: size,
  classes: size,
  dist: z.union([z.literal(0), z.literal(1)]),
  eps: rate,
  batch: size,
  smooth: z.number().min(0).max(1).default(0),
  opt: optimizer,
};

/** `config` of a model file. */
export const modelConfig = z.discriminatedUnion("loss", [
  z.object({ ...common, loss: z.literal("ce") }),
  z.object({ ...common, loss: z.literal("hard"), alpha: z.number() }),
  z.object({
    ...common,
    loss: z.literal("rkd"),
    alpha: z.number(),
    tau: z.number().positive(),
    rkd_d: z.number(),
    rkd_a: z.number(),
    teacher_dim: size,
  }),
  z.object({
    ...common,
    loss: z.literal("fixmatch"),
    batch_u: size,
    lambda_u: z.number(),
    threshold: z.number(),
  }),
]);

export type ModelConfig = z.output<typeof modelConfig>;

export const noDecay = z.array(z.string());
export const layerIds = z.record(z.string(), z.int());

/** Parameters of the pseudo-label rules; each may be absent. */
export const ruleOptions = z.object({
  fixmatch: z.object({ tau: z.number() }).optional(),
  flexmatch: z.object({ tau: z.number() }).optional(),
  freematch: z.object({ m: z.number() }).optional(),
  softmatch: z.object({ m: z.number() }).optional(),
});

export const cosineOptions = z.object({
  base: z.number(),
  min: z.number(),
  warmup: z.int().min(0),
  total: z.int().min(0),
});

export const count = z.int().min(0).max(100_000_000);
export const channels = z.array(z.number()).length(3);

/** Reads a metadata entry that holds JSON. */
export function readJson<S extends z.ZodType>(
  fixture: { name: string; metadata: Readonly<Record<string, string>> },
  key: string,
  schema: S,
): z.output<S> {
  const text = fixture.metadata[key];
  if (text === undefined) {
    throw new ConfigError(`Cannot run ${fixture.name}: no metadata ${key}`);
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new ConfigError(
      `Cannot run ${fixture.name}: metadata ${key} is not JSON`,
    );
  }
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  throw new ConfigError(
    `Cannot run ${fixture.name}: metadata ${
      [key, ...issue?.path ?? []].join(".")
    }: ${issue?.message}`,
  );
}
