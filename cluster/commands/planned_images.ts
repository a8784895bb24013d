import type { Config } from "../../src/config/mod.ts";
import { type PhaseName, PHASES } from "../../src/phases/engine.ts";

/** Training images of each enabled phase, in order. */
export function plannedImages(
  { phases }: Config,
): ReadonlyMap<PhaseName, number> {
  return new Map(
    PHASES.filter((phase) => phases[phase].enabled).map((phase) => [
      phase,
      // By default the baseline sees as many as the phases it is compared with.
      phase === "baseline" && phases.baseline.images === 0
        ? phases.classify.images + phases.selfTrain.images
        : phases[phase].images,
    ]),
  );
}
