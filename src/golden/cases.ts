import type { GoldenCase } from "./context.ts";
import { dtypesCase, widenedCase } from "./dtypes_case.ts";
import { huggingFaceCase } from "./hugging_face_case.ts";
import { lossesCase } from "./losses_case.ts";
import { metricsCase } from "./metrics_case.ts";
import { modelCase } from "./model_case.ts";
import { opsCase } from "./ops_case.ts";
import { resizeCase } from "./resize_case.ts";
import { rulesCase } from "./rules_case.ts";
import { scheduleCase } from "./schedule_case.ts";

const CASES: Readonly<Record<string, GoldenCase>> = {
  vit: modelCase,
  deit: modelCase,
  odd: modelCase,
  semi: modelCase,
  losses: lossesCase,
  ops: opsCase,
  rules: rulesCase,
  metrics: metricsCase,
  schedule: scheduleCase,
  resize: resizeCase,
  dtypes: dtypesCase,
};

/**
 * The case that a file name stands for: `<case>.safetensors`, or a variant such
 * as `<case>_2.safetensors`; `<model>.hf.safetensors`; `dtypes.expected.safetensors`.
 */
export function caseOf(
  file: string,
): { name: string; run: GoldenCase } | undefined {
  const parts = /^([a-z]+)(?:[_-][\w-]*)?(\.hf|\.expected)?\.safetensors$/
    .exec(file);
  if (parts === null) return undefined;
  const [, name = "", suffix] = parts;
  const run = Object.hasOwn(CASES, name) ? CASES[name] : undefined;
  if (run === undefined) return undefined;
  if (suffix === undefined) return { name, run };
  if (suffix === ".hf" && run === modelCase) {
    return { name: `${name}.hf`, run: huggingFaceCase };
  }
  if (suffix === ".expected" && run === dtypesCase) {
    return { name: `${name}.expected`, run: widenedCase };
  }
  return undefined;
}
