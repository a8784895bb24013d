import * as z from "zod";

const size = z.int().min(1).max(65_536);

const normalisation = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("image") }),
  z.strictObject({
    kind: z.literal("constant"),
    mean: z.array(z.number()).length(3),
    deviation: z.array(z.number().positive()).length(3),
  }),
]);

/** What a model file tells about its model, beside the weights. */
export const modelInfoSchema = z.strictObject({
  version: z.literal(1),
  model: z.strictObject({
    image: size,
    patch: size,
    dim: size,
    depth: size,
    heads: size,
    classes: size,
    distilled: z.boolean(),
    epsilon: z.number().positive(),
    hidden: z.array(size).max(8).optional(),
  }),
  feature: z.enum(["class", "mean", "both"]),
  normalisation,
  classNames: z.array(z.string()).max(65_536),
  images: z.strictObject({
    channels: z.union([z.literal(1), z.literal(3)]),
    width: size,
    height: size,
    padded: z.boolean().default(false),
  }),
  temperature: z.number().positive().optional(),
  phase: z.string().max(64),
});
