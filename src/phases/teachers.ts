import type { Config } from "../config/mod.ts";
import {
  type PhaseName,
  PHASES,
  type TeacherPhase,
  TEACHERS,
} from "./engine.ts";

/** A model of `teachers` that the run trains: which one it is, and in which phase. */
export interface TrainedTeacher {
  phase: TeacherPhase;
  /** In `teachers`. */
  index: number;
}

/** Whether a phase trains a teacher. */
export function isTeacher(phase: PhaseName): phase is TeacherPhase {
  return TEACHERS.some((teacher) => teacher === phase);
}

/** The further teachers that have no weights yet. */
export function trainedTeachers({ teachers }: Config): TrainedTeacher[] {
  return teachers.flatMap(({ weights }, index) => weights ? [] : [index])
    .map((index, place) => ({ phase: TEACHERS[1 + place]!, index }));
}

/** The part of `phases` that tells how a phase is done: one for all teachers. */
export function sectionOf(phase: PhaseName): keyof Config["phases"] {
  return isTeacher(phase) ? "teacher" : phase;
}

/** The phases of a configuration that train; a teacher may come as it is. */
export function phasesWithSteps(config: Config): PhaseName[] {
  const { images } = config.phases.teacher;
  return enabledPhases(config).filter((phase) =>
    phase !== "teacher" || images > 0
  );
}

/** The phases of a configuration, in order. */
export function enabledPhases(config: Config): PhaseName[] {
  const further = trainedTeachers(config).map(({ phase }) => phase);
  return PHASES.filter((phase) =>
    config.phases[sectionOf(phase)].enabled &&
    (phase === "teacher" || !isTeacher(phase) || further.includes(phase))
  );
}
