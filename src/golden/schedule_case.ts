import { cosineSchedule, stepSchedule } from "../training/mod.ts";
import type { Fixture } from "./fixture.ts";
import { cosineOptions, readJson } from "./schema.ts";

/** Interval and factor of the files' step schedules. */
const STEP = { every: 10, factor: 0.1 };

/** `cosine.i` and `step.i`: the learning rate at t = 0, 1, 2... */
export function scheduleCase(fixture: Fixture): Promise<void> {
  for (
    const [name, kind, index] of fixture.matching(/^(cosine|step)\.(\d+)$/)
  ) {
    const { base, min, warmup, total } = readJson(
      fixture,
      `cosine.${index}`,
      cosineOptions,
    );
    const rate = kind === "step"
      ? stepSchedule({ base, ...STEP })
      : cosineSchedule({ base, min, warmupSteps: warmup, totalSteps: total });
    const { length } = fixture.expected(name);
    fixture.compare("host", name, Array.from({ length }, (_, t) => rate(t)));
  }
  return Promise.resolve();
}
