import * as z from "zod";

const index = z.int().min(0);

/** A split as saved with a run. The unlabelled images are those left over. */
export const splitSchema = z.strictObject({
  version: z.literal(1),
  dataHash: z.string().regex(/^[0-9a-f]{64}$/),
  seed: z.int(),
  labelled: z.array(index),
  validation: z.array(index),
});
