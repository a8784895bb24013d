import type { Config } from "../config/mod.ts";
import type { DataSet, Split } from "../data/mod.ts";
import type { Device, PipelineUse, RealType, ScratchPlan } from "../gpu/mod.ts";
import {
  type FeatureKind,
  initialValues,
  ParameterSet,
  type Segment,
  type Vit,
  type VitConfig,
  vitSegments,
} from "../model/mod.ts";
import type { ImageStore } from "../ops/mod.ts";
import type { Division, Leftovers, Normalisation } from "../training/mod.ts";
import type { EngineOptions, PhaseName } from "./engine.ts";

/** What recording a phase on a device that only counts has shown. */
export interface Rehearsal {
  /** Images of this rank that pass through the models together; 0 = its whole share. */
  readonly microBatch: number;
  /** Where the step keeps intermediate values. */
  readonly scratch: ScratchPlan;
  /** What its programs dispatch. */
  readonly pipelines: readonly PipelineUse[];
}

/** A phase that a rank has rehearsed already, in a world that divides images like this. */
export interface Rehearsed {
  readonly phase: PhaseName;
  readonly division: Division;
  readonly rehearsal: Rehearsal;
}

/** What every phase works with: made once when the engine opens. */
export interface Context extends EngineOptions {
  readonly device: Device;
  /** How the ranks divide images. */
  division: Division;
  readonly data: DataSet;
  /** Hash of images and labels. */
  readonly dataHash: string;
  readonly split: Split;
  readonly trainStore: ImageStore;
  readonly testStore: ImageStore;
  readonly studentInput: Normalisation;
  readonly teacherInput: Normalisation;
  /** As in {@linkcode Rehearsal}. */
  readonly microBatch: number;
  /**
   * Most images of any rank when the engine opened: as many as are sure to fit when
   * fewer ranks share a batch.
   */
  mostRows: number;
  /** What was computed of a piece of work in which a rank was lost. */
  readonly leftovers: Leftovers;
  /** As in {@linkcode Rehearsal}, when the phase has been rehearsed. */
  readonly scratch?: ScratchPlan;
  /** While the rank joined its run. */
  readonly rehearsed?: Rehearsed;
  /**
   * Earlier phases have left nothing, and what they would leave is made up, since only
   * the time of steps is asked for; on a device that only counts it always is.
   */
  readonly madeUp?: boolean;
}

/** Philox streams: one per phase, so that no two phases share random numbers. */
export const STREAMS = {
  teacher: 1,
  distill: 2,
  classify: 3,
  selfTrain: 4,
  baseline: 5,
  teacher2: 6,
  teacher3: 7,
  teacher4: 8,
} as const;

/** What decides the size of a model: the configuration, and of the images so much. */
export interface Sized {
  readonly config: Config;
  readonly data: {
    readonly classNames: readonly string[];
    readonly train: { readonly height: number };
  };
}

/** The teacher's size. */
export function teacherConfig({ config, data }: Sized): VitConfig {
  return vitConfig(config, config.teacher, data, false);
}

/** The student's size. */
export function studentConfig({ config, data }: Sized): VitConfig {
  const { distilled, head, headHidden } = config.student;
  return {
    ...vitConfig(config, config.student, data, distilled),
    ...(head === "mlp" ? { hidden: headHidden } : {}),
  };
}

/** The size of a further model; what it leaves out is as in teacher or student. */
export function furtherConfig(
  { config, data }: Sized,
  base: "teacher" | "student",
  further: Config["teachers"][number],
): VitConfig {
  const like = config[base];
  const {
    patch = like.patch,
    dim = like.dim,
    depth = like.depth,
    heads = like.heads,
    distilled = base === "student" && config.student.distilled,
  } = further;
  return vitConfig(config, { patch, dim, depth, heads }, data, distilled);
}

/** What the teacher's head sees: the class token when it is a loaded model, else as the student. */
export function teacherFeature({ config }: Context): FeatureKind {
  return config.teacher.weights === undefined
    ? config.student.feature
    : "class";
}

/** A model on the GPU with its first weights, a function of seed and role. */
export function createModel(
  device: Device,
  config: VitConfig,
  seed: number,
  precision: RealType = "f32",
  extra: readonly Segment[] = [],
): Vit {
  const segments = [...vitSegments(config), ...extra];
  const parameters = new ParameterSet(
    device,
    segments,
    "parameters",
    precision,
  );
  if (!device.dry) parameters.writeAll(initialValues(segments, seed));
  return { config, parameters };
}

function vitConfig(
  config: Config,
  size: Config["teacher"],
  data: Sized["data"],
  distilled: boolean,
): VitConfig {
  return {
    image: config.data.imageSize || data.train.height,
    patch: size.patch,
    dim: size.dim,
    depth: size.depth,
    heads: size.heads,
    classes: data.classNames.length,
    distilled,
    epsilon: config.layerNormEpsilon,
  };
}
