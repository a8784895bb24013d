import * as z from "zod";
import { changes } from "../augment/schema.ts";
import { voters } from "../models/schema.ts";
import { phase } from "../phase/schema.ts";
import { count, flag, fraction, weight } from "../values/schema.ts";

/** Constants of single methods, as published. */
const constants = {
  noisyStudent: z.strictObject({
    balance: flag(true).describe(
      "as many images of each class: the surest ones, repeated where a class has few",
    ),
    labels: z.enum(["soft", "hard"]).default("soft").describe(
      "learn all class probabilities, or the top class",
    ),
    restart: flag(true).describe(
      "every round trains from the phase's first weights, with a learning rate of its own",
    ),
  }).prefault({}).describe("constants of noisy-student"),
  uda: z.strictObject({
    temperature: z.number().positive().default(0.4).describe(
      "sharpens the probabilities that are learned; 1 = as they are",
    ),
    annealing: z.enum(["off", "linear", "log", "exp"]).default("off").describe(
      "training signal annealing: labelled images count while the model is less sure of them than a threshold that rises from chance to 1",
    ),
  }).prefault({}).describe("constants of uda"),
  flexmatch: z.strictObject({
    warmup: flag(true).describe(
      "thresholds stay low while many images were never learned",
    ),
  }).prefault({}).describe("constants of flexmatch"),
  freematch: z.strictObject({
    fairness: weight(0.01).describe(
      "weight of the loss that keeps the class frequencies of strong views like those of weak ones; 0 = off",
    ),
  }).prefault({}).describe("constants of freematch"),
  softmatch: z.strictObject({
    sigmas: z.number().positive().default(2).describe(
      "sharpness of the Gaussian weight: deviations of the confidence in one of its own",
    ),
  }).prefault({}).describe("constants of softmatch"),
  remixmatch: z.strictObject({
    temperature: z.number().positive().default(0.5).describe(
      "sharpens the aligned probabilities; 1 = as they are",
    ),
  }).prefault({}).describe("constants of remixmatch"),
};

export const selfTrain = z.strictObject({
  ...phase(40_000, 5e-4),
  method: z.enum([
    "pseudo-label",
    "noisy-student",
    "pi-model",
    "mean-teacher",
    "uda",
    "fixmatch",
    "flexmatch",
    "freematch",
    "softmatch",
    "adamatch",
    "remixmatch",
    "semi-vit",
  ]).default("fixmatch").describe("how predictions become labels"),
  threshold: fraction(0.8).describe(
    "least confidence of a pseudo-label; adamatch: as a share of the mean confidence in labelled images; unused by freematch, softmatch, remixmatch, pi-model and mean-teacher",
  ),
  rounds: count(3, { max: 1000 }).describe(
    "pseudo-label and noisy-student: times that all unlabelled images are labelled anew; 0 = pseudo-label in every step",
  ),
  ...constants,
  momentum: z.number().min(0).lt(1).default(0.999).describe(
    "decay of the running means of freematch, softmatch, adamatch and remixmatch",
  ),
  unlabelledRatio: z.number().positive().max(100).default(1).describe(
    "uratio: unlabelled images per labelled image in a batch; published: 7 from scratch, 1 to 2 from pretrained weights",
  ),
  unlabelledWeight: weight(1).describe(
    "weight of the unlabelled loss; published: 50 for mean-teacher, 10 for pi-model, 5 for semi-vit, 1 for the others",
  ),
  rampUp: fraction(0).describe(
    "share of the phase over which the weights of unlabelled losses rise from 0; published: 0.4 for pseudo-label, pi-model and mean-teacher",
  ),
  consistency: weight(0).describe(
    "weight of the squared difference between the views' probabilities, beside any method",
  ),
  mix: z.enum(["auto", "off", "beta", "confidence"]).default("auto").describe(
    "images mixed in pairs with their labels: beta = all images, the larger part its own (ReMixMatch); confidence = unlabelled ones, by how sure the labels are (Semi-ViT); auto = as the method was published",
  ),
  mixAlpha: z.number().positive().default(0.75).describe(
    "beta: alpha of Beta(alpha, alpha), the share of each image",
  ),
  emaDecay: z.number().min(0).lt(1).default(0.99).describe(
    "decay of the averaged model that labels, is evaluated and kept; 0 = the student itself",
  ),
  voters: voters.describe(
    "models that label beside the student, with any method that makes labels: each sees every image once, unchanged",
  ),
  combine: z.enum(["mean", "vote"]).default("mean").describe(
    "voters: mean of the probabilities, or share of the models that vote for a class",
  ),
  guard: z.strictObject({
    startAccuracy: z.union([z.literal("auto"), fraction(0).unwrap()])
      .default("auto").describe(
        "least validation accuracy of the start, or the phase does not train; auto = twice chance, at most 10 points above it",
      ),
    window: count(50, { min: 1 }).describe(
      "steps whose pseudo-labels are judged together",
    ),
    leastRate: fraction(0.002).describe(
      "share of pseudo-labels in use below which they count as collapsed, once they were above it; of pi-model and mean-teacher, whose targets are no labels, how far those are on the way from chance to sure",
    ),
    takeover: fraction(0.6).describe(
      "one class has collapsed the others when its share of the labels in use lies this far between that of the true labels and 1",
    ),
    drift: fraction(0.6).describe(
      "largest total variation between the classes of labels in use and of true labels",
    ),
    answer: z.enum(["raise", "rollback", "stop", "warn"]).default("rollback")
      .describe(
        "to a collapse: raise the threshold half-way to 1, below which targets of pi-model and mean-teacher do not count either; that and back to the best weights; end the phase; or only say it",
      ),
    attempts: count(2).describe("answers after which the phase ends"),
  }).prefault({}).describe(
    "what keeps self-training from making the model worse",
  ),
  strength: fraction(1).describe(
    "augmentation strength of the strong view: rotation, shear, shift, colours and a cut-out square, all at once; 0 = off, such as where strong holds a published set",
  ),
  strong: z.strictObject(changes).prefault({}).describe(
    "further changes of the strong view, instead of those of the weak one",
  ),
}).prefault({}).describe("student on its own predictions (SSL-ST-Class)");
