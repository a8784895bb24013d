import type { Context } from "./context.ts";
import type { Collapse, CollapseGuard } from "./collapse_guard.ts";
import type { Recipe } from "./recipe.ts";
import type { Best } from "./selection.ts";

/**
 * Does what `phases.selfTrain.guard.answer` asks for; returns why the phase ends, or
 * `undefined` when it goes on. All ranks call it alike, when no step is queued.
 */
export function answerCollapse(
  { config, log }: Context,
  { phase, model, optimizer }: Recipe,
  { guard, collapse, best, step }: {
    guard: CollapseGuard;
    collapse: Collapse;
    best: Best | undefined;
    step: number;
  },
): string | undefined {
  const { answer, attempts } = config.phases.selfTrain.guard;
  const say = (does: string) =>
    log("warn", `${phase}, step ${step}: ${collapse.message}; ${does}`);
  if (collapse.kind === "unsure") {
    say(
      guard.what === "targets"
        ? "they tell hardly any class until the model is surer"
        : "the labelled images alone are learned from until the model is surer",
    );
    return undefined;
  }
  guard.answers++;
  if (answer === "warn") {
    say("the phase goes on");
    return undefined;
  }
  // A higher threshold gives no more labels, and neither do older weights for ever.
  const helpless = collapse.kind === "unused" && answer === "raise";
  if (answer === "stop" || helpless || guard.answers > attempts) {
    say(
      best === undefined
        ? "the phase ends, and no validation chooses an earlier model"
        : "the phase ends with its best model",
    );
    return collapse.message;
  }
  const { threshold } = config.phases.selfTrain;
  guard.floor = (Math.max(guard.floor, threshold) + 1) / 2;
  if (collapse.kind === "unused") guard.floor = 0;
  const raised = guard.floor > 0
    ? `${guard.what} need a confidence of ${guard.floor.toFixed(3)} now`
    : `${guard.what} need no more confidence than before`;
  if (answer === "raise" || best === undefined) {
    say(raised);
    return undefined;
  }
  model.parameters.writeAll(best.values);
  optimizer.average?.writeAll(best.values);
  optimizer.restart(step);
  say(`back to the weights of step ${best.step}, and ${raised}`);
  return undefined;
}
