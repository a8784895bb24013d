import { augmentOf, isRandom, mixes, weakPolicy } from "../augment/mod.ts";
import type { Program } from "../gpu/mod.ts";
import { type RowRange, splitRows } from "../training/mod.ts";
import type { Context } from "./context.ts";
import type { FrozenModel } from "./further_models.ts";
import { TeacherCache } from "./teacher_cache.ts";
import type { TeacherReads } from "./teacher_outputs.ts";
import { CachedTeaching, LiveTeaching, type Teaching } from "./teaching.ts";

/** A teacher, with its outputs from disk where they can be. */
export interface OpenTeacher {
  teacher: FrozenModel;
  cache: TeacherCache | undefined;
}

/**
 * Opens the caches of the teachers' outputs, where every step shows an image in the
 * same view and the phase sees all images at least once.
 */
export async function openTeachers(
  context: Context,
  teachers: readonly FrozenModel[],
  reads: TeacherReads,
): Promise<OpenTeacher[]> {
  const cached = mayCache(context);
  const { config, division, onStep } = context;
  const [first, end] = division.own(config.globalBatch);
  const opened: OpenTeacher[] = [];
  for (const teacher of teachers) {
    const cache = !cached ? undefined : await TeacherCache.open(context, {
      teacher,
      reads,
      batch: splitRows(end - first, context.microBatch)[0]!.size,
      onBatch: () => onStep("distill", 0),
    });
    // Its weights are not needed any more.
    if (cache) teacher.model.parameters[Symbol.dispose]();
    opened.push({ teacher, cache });
  }
  return opened;
}

/** The teachers' side of a step. */
export function openTeachings(
  program: Program,
  teachers: readonly OpenTeacher[],
  { reads, ...batch }: {
    reads: TeacherReads;
    /** First own position in the global batch. */
    first: number;
    ranges: readonly RowRange[];
    globalBatch: number;
  },
): Teaching[] {
  return teachers.map(({ teacher, cache }) =>
    cache
      ? new CachedTeaching(program.device, cache, batch)
      : new LiveTeaching(program, teacher, reads)
  );
}

/** Figures of the caches together, for the summary. */
export function cacheFigures(
  teachers: readonly OpenTeacher[],
): Record<string, number> {
  const figures = teachers.flatMap(({ cache }) => cache?.figures ?? []);
  if (figures.length === 0) return {};
  const sum = (key: "computed" | "found" | "bytes") =>
    figures.reduce((total, each) => total + each[key], 0);
  return {
    teacher_images_computed: sum("computed"),
    teacher_images_cached: sum("found"),
    teacher_cache_bytes: sum("bytes"),
  };
}

function mayCache({ config, split, log }: Context): boolean {
  const options = config.phases.distill;
  const random = isRandom(weakPolicy(config, "distill")) ||
    mixes(augmentOf(config, "distill"));
  const images = split.labelled.length + split.unlabelled.length;
  if (options.cacheTeacher === "off") return false;
  if (!random && options.images >= images) return true;
  log("info", "the teacher runs in every step", {
    reason: options.images < images
      ? `the phase sees ${options.images} of ${images} images`
      : "the images are augmented",
  });
  return false;
}
