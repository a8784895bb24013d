import { DISTILL_LOSSES, usesLoss } from "./distill_weights.ts";
import { checkSelfTrain } from "./method_checks.ts";
import type { Config } from "./schema.ts";
import type { Problem } from "./problems.ts";

/** Side of the images as they are read; 28-pixel sets are padded to 32. */
const NATIVE_SIZE: Partial<Record<Config["data"]["kind"], number>> = {
  "fashion-mnist": 32,
  mnist: 32,
  cifar10: 32,
  cifar100: 32,
};

/** Training images a class of the published sets. */
const IMAGES_PER_CLASS: Partial<Record<Config["data"]["kind"], number>> = {
  "fashion-mnist": 6000,
  cifar10: 5000,
  cifar100: 500,
};

/** Teachers that a run may train. */
const MOST_TEACHERS = 4;

/** Rules that couple several keys. */
export function checkConfig(config: Config): Problem[] {
  return [
    ...checkModels(config),
    ...checkData(config),
    ...checkAugment(config),
    ...checkPhases(config),
    ...checkTeachers(config),
    ...checkSelfTrain(config),
    ...checkRanks(config),
  ];
}

function checkModels(config: Config): Problem[] {
  const problems: Problem[] = [];
  const size = config.data.imageSize || NATIVE_SIZE[config.data.kind];
  const { teacher, teachers, student } = config;
  const models = [
    { at: ["teacher"], ...teacher },
    { at: ["student"], ...student },
    ...teachers.map(({ dim = teacher.dim, ...further }, i) => ({
      at: ["teachers", String(i)],
      dim,
      heads: further.heads ?? teacher.heads,
      patch: further.patch ?? teacher.patch,
    })),
  ];
  for (const { at, dim, heads, patch } of models) {
    if (dim % heads !== 0) {
      problems.push({
        path: [...at, "heads"],
        message: `${heads} heads do not divide dim ${dim}`,
        cause: [...at, "dim"],
      });
    }
    if (size !== undefined && patch > size) {
      problems.push({
        path: [...at, "patch"],
        message: `a patch of ${patch} pixels does not fit images of ${size}`,
        cause: ["data", "imageSize"],
      });
    }
  }
  return problems;
}

function checkData({ data, phases }: Config): Problem[] {
  const problems: Problem[] = [];
  const tree = data.kind === "folder" || data.kind === "csv";
  if (data.path === undefined && (tree || data.kind === "idx")) {
    problems.push({
      path: ["data", "path"],
      message: `needed, since data.kind is ${data.kind}`,
      cause: ["data", "kind"],
    });
  }
  if (data.testFraction > 0 && !tree) {
    problems.push({
      path: ["data", "testFraction"],
      message: `only for folder and csv; ${data.kind} has a test part`,
    });
  }
  if (data.storeSize > 0 && (!tree || data.imageSize === 0)) {
    problems.push({
      path: ["data", "storeSize"],
      message: tree
        ? "needs data.imageSize, the size that its images are brought to"
        : `only for folder and csv; ${data.kind} is kept as it is`,
    });
  }
  const most = Math.min(
    data.trainPerClass || Infinity,
    IMAGES_PER_CLASS[data.kind] ?? Infinity,
  );
  const held = data.labelsPerClass + data.validationPerClass;
  if (held > most || (data.labelsPerClass === 0 && held === most)) {
    problems.push({
      path: ["data", "labelsPerClass"],
      message:
        `${data.labelsPerClass} labelled and ${data.validationPerClass} validation images a class leave none of ${most} to train on`,
    });
  }
  if (phases.selfTrain.enabled && data.labelsPerClass === 0 && !tree) {
    problems.push({
      path: ["data", "labelsPerClass"],
      message:
        "0 (all) leaves no unlabelled images for phases.selfTrain; set a number or phases.selfTrain.enabled=false",
    });
  }
  return problems;
}

function checkTeachers({ phases, teachers }: Config): Problem[] {
  const trained = teachers.flatMap(({ weights }, i) => weights ? [] : [i]);
  return trained.flatMap((index, place) => {
    const message = !phases.teacher.enabled
      ? "missing, and phases.teacher.enabled=false trains none"
      : phases.teacher.images === 0
      ? "missing, and phases.teacher.images=0 trains none"
      : place + 2 > MOST_TEACHERS
      ? `missing: a run trains ${MOST_TEACHERS} teachers at most`
      : undefined;
    const path = ["teachers", String(index), "weights"];
    return message === undefined ? [] : [{ path, message }];
  });
}

function checkPhases(
  { phases, teacher, teachers, student }: Config,
): Problem[] {
  const problems: Problem[] = [];
  if (!Object.values(phases).some(({ enabled }) => enabled)) {
    problems.push({ path: ["phases"], message: "none of them is enabled" });
  }
  const { distill, classify, selfTrain, baseline } = phases;
  if (
    phases.teacher.enabled && phases.teacher.images === 0 &&
    teacher.weights === undefined
  ) {
    problems.push({
      path: ["phases", "teacher", "images"],
      message: "0 images need teacher.weights to load",
      cause: ["teacher", "weights"],
    });
  }
  if (distill.enabled) {
    const used = DISTILL_LOSSES.filter((loss) => usesLoss(distill, loss));
    if (used.length === 0) {
      problems.push({
        path: ["phases", "distill"],
        message: `no loss: ${DISTILL_LOSSES.slice(0, -1).join(", ")} and ${
          DISTILL_LOSSES.at(-1)
        } are all 0`,
      });
    }
    const taught = used.some((loss) => loss !== "labels");
    if (used.includes("attention")) {
      const patches = [
        teacher.patch,
        ...teachers.map(({ patch = teacher.patch }) => patch),
      ];
      const other = patches.find((patch) => patch !== student.patch);
      if (other !== undefined) {
        problems.push({
          path: ["phases", "distill", "attention"],
          message:
            `needs equal patches: a teacher has ${other} pixels, the student ${student.patch}`,
          cause: ["student", "patch"],
        });
      }
    }
    if (taught && !phases.teacher.enabled && teacher.weights === undefined) {
      problems.push({
        path: ["phases", "teacher", "enabled"],
        message:
          "false leaves phases.distill without a teacher; set teacher.weights",
      });
    }
  }
  if (
    baseline.enabled && baseline.images === 0 && !classify.enabled &&
    !selfTrain.enabled
  ) {
    problems.push({
      path: ["phases", "baseline", "images"],
      message:
        "0 means classify.images + selfTrain.images, but neither phase runs",
    });
  }
  return problems;
}

/** Ranks that a batch has images for: in self-training one of each kind. */
export function mostRanks(
  { globalBatch, phases }: Pick<Config, "globalBatch" | "phases">,
): number {
  return Math.floor(globalBatch / (phases.selfTrain.enabled ? 2 : 1));
}

function checkRanks({ ranks, globalBatch, phases }: Config): Problem[] {
  const problems: Problem[] = [];
  const { distill, selfTrain } = phases;
  const least = ranks === "auto" ? 1 : ranks;
  if (mostRanks({ globalBatch, phases }) < least) {
    problems.push({
      path: ["globalBatch"],
      message: `${globalBatch} images cannot be divided over ${least} ranks${
        selfTrain.enabled ? ", a labelled and an unlabelled one each" : ""
      }`,
      cause: ["ranks"],
    });
  }
  const smallest = usesLoss(distill, "relationalAngle")
    ? 3
    : usesLoss(distill, "relationalDistance")
    ? 2
    : 1;
  if (distill.enabled && globalBatch < smallest) {
    problems.push({
      path: ["globalBatch"],
      message:
        `relational losses compare images: at least ${smallest} a step, found ${globalBatch}`,
    });
  }
  return problems;
}

/** Pairs of keys of which the first may not exceed the second. */
const BOUNDS = [
  ["resizedCrop", "minScale", "maxScale"],
  ["resizedCrop", "minRatio", "maxRatio"],
  ["cutout", "minSide", "maxSide"],
  ["erasing", "minArea", "maxArea"],
] as const;

function checkAugment({ data, phases }: Config): Problem[] {
  const places: [string[], Record<string, unknown> | undefined][] = [
    [["data", "augment"], data.augment],
    [["phases", "selfTrain", "strong"], phases.selfTrain.strong],
    ...Object.entries(phases).map(([name, phase]) =>
      [["phases", name, "augment"], phase.augment] as [
        string[],
        Record<string, unknown> | undefined,
      ]
    ),
  ];
  return places.flatMap(([path, keys]) =>
    BOUNDS.flatMap(([group, low, high]): Problem[] => {
      const values = keys?.[group] as Record<string, number> | undefined;
      if (!values || values[low]! <= values[high]!) return [];
      return [{
        path: [...path, group, low],
        message: `${values[low]} exceeds ${high} ${values[high]}`,
        cause: [...path, group, high],
      }];
    })
  );
}
