import { evaluateLogits, type Evaluation } from "../evaluation/mod.ts";
import type { Fixture } from "./fixture.ts";
import type { GroupName } from "./groups.ts";

/** `<case>.in.logits` and `.in.label` with all figures of an evaluation. */
export function metricsCase(fixture: Fixture): Promise<void> {
  for (const [name, prefix] of fixture.matching(/^(.+)\.in\.logits$/)) {
    const { shape, data } = fixture.input(name);
    const evaluation = evaluateLogits(
      data,
      fixture.labels(`${prefix}.in.label`),
      shape.at(-1) ?? 0,
    );
    for (const full of fixture.names) {
      if (!full.startsWith(`${prefix}.`)) continue;
      const figure = full.slice(prefix!.length + 1);
      const found = figureOf(evaluation, figure);
      if (found === undefined) continue;
      const [group, values] = found;
      fixture.compare(group, full, values);
    }
  }
  return Promise.resolve();
}

/** The file's name of a figure to its values; undefined for an unknown one. */
function figureOf(
  evaluation: Evaluation,
  figure: string,
): [GroupName, ArrayLike<number>] | undefined {
  const top = /^top(\d+)$/.exec(figure);
  if (top) return ["host", [evaluation.topK[Number(top[1])] ?? 1]];
  const averaged = /^(precision|recall|f1)\.(class|macro|weighted|micro)$/
    .exec(figure);
  if (averaged) {
    const kind = averaged[1] as "precision" | "recall" | "f1";
    return ["host", list(evaluation[kind][averaged[2] as "class" | "macro"])];
  }
  const area = /^auc\.(class|macro|micro)$/.exec(figure);
  if (area) {
    return ["host", list(evaluation.auc[area[1] as "class" | "macro"])];
  }
  switch (figure) {
    case "pred":
      return ["exact", evaluation.predictions];
    case "confusion":
      return ["exact", evaluation.confusion];
    case "support":
      return ["exact", evaluation.support];
    case "prob":
      return ["host", evaluation.probabilities];
    case "balanced_accuracy":
      return ["host", [evaluation.balancedAccuracy]];
    case "accuracy":
    case "kappa":
    case "mcc":
    case "nll":
    case "brier":
    case "ece15":
      return ["host", [evaluation[figure]]];
  }
  return undefined;
}

function list(values: number | Float64Array): ArrayLike<number> {
  return typeof values === "number" ? [values] : values;
}
