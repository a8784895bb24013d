import * as z from "zod";
import { augment } from "./augment/schema.ts";
import { distill } from "./distill/schema.ts";
import { normalise, student, teacher, teachers } from "./models/schema.ts";
import { labelSmoothing, phase } from "./phase/schema.ts";
import { selfTrain } from "./self_train/schema.ts";
import { count, flag } from "./values/schema.ts";

const data = z.strictObject({
  kind: z.enum([
    "fashion-mnist",
    "mnist",
    "cifar10",
    "cifar100",
    "idx",
    "folder",
    "csv",
  ]).default("fashion-mnist").describe("format of the images"),
  path: z.string().min(1).optional().describe(
    "folder or archive; absent = where set-up or `data fetch` put it",
  ),
  labels: z.string().min(1).optional().describe(
    "table with columns name (or path) and label: images labelled by hand, besides labelsPerClass, as label-queue and pseudo-label write it",
  ),
  labelsPerClass: count(4).describe(
    "labelled images a class; 0 = all. The other training images are unlabelled",
  ),
  validationPerClass: count(20).describe(
    "training images a class held back to choose between models",
  ),
  trainPerClass: count(0).describe(
    "training images a class used at all, first in file order; 0 = all",
  ),
  testPerClass: count(0).describe(
    "test images a class, first in file order; 0 = all",
  ),
  testFraction: z.number().min(0).lt(1).default(0).describe(
    "share of the training images used for the test when there is no test part",
  ),
  flip: flag(false).describe("mirror half of the training images"),
  padding: count(0, { max: 256 }).describe(
    "random crop: pixels the image may move in each direction",
  ),
  augment: augment.prefault({}).describe(
    "random views that all phases learn from; selfTrain mixes by its own keys",
  ),
  imageSize: count(0, { max: 2048 }).describe(
    "height and width of the models' images; 0 = native",
  ),
  storeSize: count(0, { max: 2048 }).describe(
    "folder and csv: height and width kept on the GPU, of which views are parts; 0 = imageSize",
  ),
  normalise: normalise.default("image").describe(
    "mean and deviation removed: ImageNet's, one half, the data set's or each image's own",
  ),
}).prefault({}).describe("images and their split");

const phases = z.strictObject({
  teacher: z.strictObject({
    ...phase(60_000, 1e-3),
    images: count(60_000).describe(
      "training images seen; 0 = use teacher.weights as they are",
    ),
    labels: z.enum(["all", "labelled"]).default("all").describe(
      "labels the teacher may use: all (it stands for a pre-trained model) or only the labelled ones",
    ),
    labelSmoothing,
  }).prefault({}).describe("trains or loads the teacher"),
  distill,
  classify: z.strictObject({
    ...phase(10_000, 1e-2),
    backbone: z.enum(["frozen", "finetune"]).default("frozen").describe(
      "train only the heads, or everything",
    ),
    labelSmoothing,
  }).prefault({}).describe("student with the labelled images (ST-Class)"),
  selfTrain,
  baseline: z.strictObject({
    ...phase(1, 1e-3),
    images: count(0).describe(
      "training images seen; 0 = classify.images + selfTrain.images",
    ),
  }).prefault({}).describe("same model from scratch on the labels alone"),
}).prefault({}).describe("what runs, in this order");

/** The whole configuration; every key has a default. */
export const configSchema = z.strictObject({
  name: z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/).default("run")
    .describe("part of the run folder's name: letters, digits, . _ -"),
  seed: count(0, { max: 0xffffffff }).describe(
    "decides split, order, augmentation and first weights",
  ),
  ranks: z.union([z.literal("auto"), z.int().min(1).max(1024)]).default("auto")
    .describe("processes with a GPU each; auto = one per GPU, 2 on a CPU"),
  globalBatch: count(128, { min: 1, max: 1 << 20 }).describe(
    "images per step over all ranks, which divide it: results do not depend on their number. Learning rates belong to it (published: 5e-4 x batch / 512 from scratch)",
  ),
  microBatch: count(0, { max: 1 << 20 }).describe(
    "images of a rank that pass through the models together, gradients are summed; 0 = as many as the GPU can hold in its buffers",
  ),
  recompute: flag(false).describe(
    "keep only the inputs of blocks and run them again in the backward pass: less memory, same gradients",
  ),
  precision: z.enum(["f32", "f16"]).default("f32").describe(
    "type of activations and of the matrices they meet; sums and weights stay f32",
  ),
  lossScale: z.strictObject({
    initial: count(65_536, { min: 1, max: 2 ** 40 }).describe(
      "factor of the loss in backward at the first step; halved, and the step skipped, when a gradient overflows",
    ),
    growthInterval: count(500, { min: 1 }).describe(
      "steps without overflow after which the factor doubles",
    ),
  }).prefault({}).describe(
    "keeps small gradients above 0; only where precision or wire is f16",
  ),
  bucketBytes: z.union([
    z.literal("auto"),
    z.int().min(4).max(1 << 30),
  ]).default("auto").describe(
    "gradients sent in one message while backward goes on; auto = an eighth of all, 64 KiB to 4 MiB",
  ),
  wire: z.enum(["f32", "bf16", "f16", "int8"]).default("f32").describe(
    "type of sent gradients: bf16 and f16 halve the bytes and round each sum, f16 scales the loss; int8 sends a quarter, in blocks with a scale, and adds what rounding took in the next step",
  ),
  collectives: z.enum([
    "auto",
    "ring",
    "tree",
    "gather",
    "chain",
    "hierarchical",
  ]).default("auto").describe(
    "how ranks combine and share data; auto = by size and world",
  ),
  link: z.enum(["auto", "nats", "direct"]).default("auto").describe(
    "how ranks reach each other",
  ),
  onRankLoss: z.enum(["continue", "stop"]).default("continue").describe(
    "when a rank dies, hangs or falls silent in a phase: the others go on from the step in progress, and a resumed or requeued run takes all ranks again; or the run stops at its last checkpoint",
  ),
  mixed: z.boolean().default(false).describe(
    "ranks may compute on different adapters: each takes images by its measured speed, and the update of a weight is made by one rank for all",
  ),
  parallelPhases: z.enum(["auto", "always", "never"]).default("auto").describe(
    "phases that need nothing of each other (teachers; selfTrain and baseline) at the same time, each on a part of the ranks; auto = where measured times say that all end sooner",
  ),
  data,
  teacher,
  teachers: teachers.describe(
    "further teachers that distill learns from; what is left out is as in teacher",
  ),
  student,
  layerNormEpsilon: z.number().positive().max(1).default(1e-6).describe(
    "added to the variance in LayerNorm",
  ),
  phases,
  evaluation: z.strictObject({
    everySteps: count(0).describe(
      "steps between validations; 0 = once an epoch, at least 4 times a phase",
    ),
    patience: count(0).describe(
      "early stop: validations in a row without a better model after which a phase ends; 0 = off",
    ),
  }).prefault({}).describe("validation while training"),
  checkpoint: z.strictObject({
    everySteps: count(200, { min: 1 }).describe("steps between checkpoints"),
    keep: count(2, { min: 1, max: 1000 }).describe(
      "checkpoints kept a phase, the best one not counted",
    ),
  }).prefault({}).describe("what a stopped run goes on from"),
  checksum: z.strictObject({
    everySteps: count(50, { min: 1 }).describe(
      "steps between proofs that all ranks hold the same weights",
    ),
  }).prefault({}).describe("replica check"),
  profile: z.strictObject({
    steps: count(0, { max: 1000 }).describe(
      "steps a phase whose ops are timed one by one; 0 = off",
    ),
  }).prefault({}).describe("where a step's time goes; --profile sets it"),
  timeouts: z.strictObject({
    heartbeatSeconds: z.number().positive().max(3600).default(5).describe(
      "silence after which a rank is dead",
    ),
    progressSeconds: z.number().positive().max(86400).default(10).describe(
      "least time without a step after which a rank hangs",
    ),
    collectiveSeconds: z.number().positive().max(86400).default(60).describe(
      "longest wait for another rank in one exchange",
    ),
  }).prefault({}).describe("when to give up"),
});

/** A file: a configuration that may build on another one. */
export const configFileSchema = configSchema.extend({
  $schema: z.string().optional().describe("for editors"),
  extends: z.string().min(1).optional().describe(
    "file this one builds on, relative to it",
  ),
});

/** A complete, checked configuration. */
export type Config = z.output<typeof configSchema>;

/** JSON schema of a configuration file, for editors. */
export function configJsonSchema(): Record<string, unknown> {
  return z.toJSONSchema(configFileSchema, { io: "input" });
}
