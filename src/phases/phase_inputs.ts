import { type Config, usesLoss } from "../config/mod.ts";
import type { PhaseName } from "./engine.ts";
import { isTeacher } from "./teachers.ts";
import { phaseWork } from "./work.ts";

/**
 * What decides a phase's result: runs that agree in it end the phase with the same
 * weights and figures, whatever their later phases are. The number of ranks is no
 * part of it, and that of labels only where the phase looks at them.
 */
export function phaseInputs(config: Config, phase: PhaseName): unknown {
  const { name: _name, ranks: _ranks, phases, student, data, ...rest } = config;
  const { teacher, distill, classify, selfTrain, baseline } = phases;
  const { labelsPerClass, ...images } = data;
  const labels = { labelsPerClass };
  const taught = {
    rest,
    images,
    feature: student.feature,
    teacher,
    ...(teacher.labels === "labelled" ? labels : {}),
  };
  if (isTeacher(phase)) return taught;
  if (phase === "baseline") {
    return {
      ...taught,
      ...labels,
      student,
      labelSmoothing: classify.labelSmoothing,
      baseline,
      // As many as those of the phases that it is compared with.
      work: phaseWork(config).get("baseline")?.images,
    };
  }
  // A classifier is also tested, and its doubts about labels are listed.
  const classifies = usesLoss(distill, "labels") || usesLoss(distill, "hard") ||
    usesLoss(distill, "soft");
  const distilled = {
    ...taught,
    ...(classifies ? labels : {}),
    student,
    distill,
  };
  if (phase === "distill") return distilled;
  const classified = { ...distilled, ...labels, classify };
  return phase === "classify" ? classified : { ...classified, selfTrain };
}
