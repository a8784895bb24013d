import type { Config } from "../config/mod.ts";

/** Keys of `data.augment`. */
export type AugmentConfig = Config["data"]["augment"];

/** Changes of a strong view: keys of `phases.selfTrain.strong`. */
export type ChangeConfig = Config["phases"]["selfTrain"]["strong"];

/** How random the views of a batch are. */
export interface ViewPolicy extends ChangeConfig {
  /** Largest shift in pixels. */
  padding: number;
  /** What a shift brings in. */
  border: AugmentConfig["border"];
  /** Mirror half of the images left to right. */
  flip: boolean;
  resizedCrop: AugmentConfig["resizedCrop"];
  /** Rotation, shear, shift, colours and a cut-out square, all at once; 0 = off. */
  strength: number;
}

/** How images are mixed in pairs. */
export type MixPolicy = Pick<
  AugmentConfig,
  "mixup" | "cutmix" | "mixProbability" | "switchProbability" | "mixPer"
>;

type Phase = keyof Config["phases"];

/** The `augment` keys that a phase uses. */
export function augmentOf(config: Config, phase: Phase): AugmentConfig {
  return config.phases[phase].augment ?? config.data.augment;
}

/** The views a phase learns from; self-training's weak and labelled views. */
export function weakPolicy(config: Config, phase: Phase): ViewPolicy {
  const { padding, flip } = config.data;
  return { padding, flip, strength: 0, ...augmentOf(config, phase) };
}

/** Self-training's strong view: placed like the weak one, then changed. */
export function strongPolicy(config: Config): ViewPolicy {
  const { strong, strength } = config.phases.selfTrain;
  return { ...weakPolicy(config, "selfTrain"), ...strong, strength };
}

/** The whole stored image, for evaluation. */
export const PLAIN_VIEW: ViewPolicy = {
  padding: 0,
  border: "zero",
  flip: false,
  strength: 0,
  resizedCrop: {
    enabled: false,
    minScale: 1,
    maxScale: 1,
    minRatio: 1,
    maxRatio: 1,
  },
  colourJitter: { brightness: 0, contrast: 0, saturation: 0, hue: 0 },
  randAugment: {
    operations: 0,
    magnitude: 0,
    deviation: 0,
    spread: "normal",
    probability: 0,
    set: "fixmatch",
  },
  cutout: { probability: 0, minSide: 0, maxSide: 0, fill: "gray" },
  erasing: {
    probability: 0,
    minArea: 0,
    maxArea: 0,
    minRatio: 1,
    fill: "gray",
  },
};

/** Whether any view differs from the stored image's. */
export function isRandom(policy: ViewPolicy): boolean {
  return policy.padding > 0 || policy.flip || policy.resizedCrop.enabled ||
    changesOf(policy) > 0 || hasCovers(policy);
}

export function mixes(policy: MixPolicy): boolean {
  return policy.mixProbability > 0 && (policy.mixup > 0 || policy.cutmix > 0);
}

export function jitters(policy: ViewPolicy): boolean {
  return Object.values(policy.colourJitter).some((value) => value > 0);
}

/** Rectangles are laid over some views. */
export function hasCovers(policy: ViewPolicy): boolean {
  return policy.strength > 0 || covers(policy).length > 0;
}

/** Some of these have this fill. */
export function hasFill(policy: ViewPolicy, fill: "noise" | "mean"): boolean {
  return (fill === "mean" && policy.strength > 0) ||
    covers(policy).some((cover) => cover.fill === fill);
}

function covers({ cutout, erasing }: ViewPolicy) {
  return [cutout, erasing].filter(({ probability }) => probability > 0);
}

/** Changes that every view of the batch has room for. */
export function changesOf(policy: ViewPolicy): number {
  const changes = (policy.strength > 0 ? 1 : 0) + (jitters(policy) ? 1 : 0) +
    policy.randAugment.operations;
  // The mean comes with a change, so one that changes nothing is put in.
  return changes === 0 && hasFill(policy, "mean") ? 1 : changes;
}
