import type { Disk } from "../../src/env/mod.ts";
import { RunFolder, writePredictions } from "../../src/run/mod.ts";
import { evaluationJson, type EvaluationReport } from "./evaluation_text.ts";

/** Writes the tables of an evaluation into a folder. */
export async function writeEvaluation(
  disk: Disk,
  path: string,
  { report, names }: { report: EvaluationReport; names: readonly string[] },
): Promise<void> {
  await disk.makeFolder(path);
  const folder = new RunFolder(disk, path);
  const { classNames, result } = report;
  const { probabilities, predictions } = report.calibrated ?? result;
  await folder.writeJson("evaluation.json", evaluationJson(report));
  await folder.writeConfusion(classNames, result.confusion);
  await writePredictions(folder, "predictions.csv", {
    classNames,
    indices: [...names.keys()],
    names,
    labels: report.labels,
    predictions,
    probabilities,
  });
}
