import type { Tensor } from "../gpu/mod.ts";
import {
  type FeatureKind,
  headsForward,
  predictedLogits,
  type Vit,
  vitForward,
} from "../model/mod.ts";
import { copyRows, softmaxForward } from "../ops/mod.ts";
import type { GatherPart, StepProgram } from "../training/mod.ts";
import type { Context } from "./context.ts";
import type { Unlabelled } from "./pseudo_labels.ts";
import type { SelfTrainBatch } from "./self_train_batch.ts";
import type { Method } from "./self_train_method.ts";
import type { SelfTrainRows } from "./self_train_rows.ts";

/** Arguments of {@linkcode recordLabels}. */
export interface LabellerArgs {
  step: StepProgram;
  batch: SelfTrainBatch;
  rows: SelfTrainRows;
  method: Method;
  labeller: Vit;
  feature: FeatureKind;
  unlabelled: Unlabelled;
  /** Of the first micro-batch's weak views; released when used. */
  patches: Tensor;
  /** Told what all ranks' weak views are taken for, where nothing labels them. */
  onTargets(weak: ArrayLike<number>): void;
}

/**
 * Records what the labeller makes of the own unlabelled rows, and that all ranks'
 * predictions become labels before the next piece runs, or are watched where views
 * only have to agree.
 *
 * @returns The logits of the weak views.
 */
export function recordLabels(
  { division }: Context,
  args: LabellerArgs,
): Tensor {
  const { step, batch, rows, method, unlabelled } = args;
  const { rule } = unlabelled;
  const { program } = step;
  /** The probabilities of the own rows, for the host to have all ranks'. */
  const partOf = (logits: Tensor, count: number): GatherPart => {
    const local = program.scratch(logits.shape);
    softmaxForward(program, { input: logits, output: local });
    return { local, offsets: division.offsets(count) };
  };
  const parts: GatherPart[] = [];
  if (rule && (rule.readsLabelled || method.annealing)) {
    const logits = recordLogits(args, "labelled");
    parts.push(partOf(logits, rows.globalLabelled));
    program.release(logits);
  }
  const logits = recordLogits(args, "unlabelled", args.patches);
  if (rule || method.labels.when === "never") {
    parts.push(partOf(logits, rows.globalUnlabelled));
    step.gatherToHost(parts, (...gathered) => {
      const weak = gathered.pop()!;
      if (!rule) return args.onTargets(weak);
      const [labelled] = gathered;
      const labels = unlabelled.label({
        weak,
        ...(labelled ? { labelled } : {}),
      });
      batch.adopt(labels, labelled);
    });
  }
  for (const { local } of parts) program.release(local);
  return logits;
}

function recordLogits(
  { step: { program }, batch, rows, labeller, feature }: LabellerArgs,
  kind: "labelled" | "unlabelled",
  first?: Tensor,
): Tensor {
  const logits = program.scratch([rows[kind], labeller.config.classes]);
  const { parts, ranges } = kind === "labelled"
    ? batch.weakLabelled
    : batch.weak;
  parts.forEach((part, index) =>
    program.scope(() => {
      const given = index === 0 ? first : undefined;
      const patches = given ?? batch.recordWeak(program, kind, index);
      program.section("forward");
      const activations = vitForward(program, labeller, {
        patches,
        batch: part.size,
        keep: false,
      });
      const heads = headsForward(program, labeller, activations, feature);
      copyRows(program, {
        input: predictedLogits(program, heads),
        output: logits,
        inputRow: 0,
        outputRow: ranges[index]!.first,
        rows: part.size,
      });
      if (given) program.release(given);
    })
  );
  return logits;
}
