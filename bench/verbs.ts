import { collectives } from "./collectives/collectives.ts";
import type { Verb } from "./common/verb.ts";
import { ops } from "./ops/ops.ts";
import { scaling } from "./scaling/scaling.ts";
import { start } from "./start/start.ts";
import { overlap } from "./overlap/overlap.ts";
import { precision } from "./precision/precision.ts";
import { step } from "./step/step.ts";

/** All benches by name. */
export const VERBS: Readonly<Record<string, Verb>> = {
  ops,
  step,
  start,
  collectives,
  scaling,
  overlap,
  precision,
};
