import { Sampler } from "../data/mod.ts";
import { percent } from "../evaluation/mod.ts";
import {
  headsBackward,
  headsForward,
  type Vit,
  vitBackward,
  vitForward,
} from "../model/mod.ts";
import { FairnessLoss } from "./fairness_loss.ts";
import type { FrozenModel } from "./further_models.ts";
import { FreeMatchRule } from "./rules/mod.ts";
import { methodOf } from "./self_train_method.ts";
import { PatchInput } from "../training/mod.ts";
import { type Context, STREAMS } from "./context.ts";
import { openLearner } from "./learner.ts";
import { classificationValue, RowFigures } from "./losses.ts";
import { type StepLabels, Unlabelled } from "./pseudo_labels.ts";
import { type Recipe, recordUpdate } from "./recipe.ts";
import { SelfTrainBatch } from "./self_train_batch.ts";
import { recordLabels } from "./self_train_labeller.ts";
import { SelfTrainLosses } from "./self_train_losses.ts";
import { selfTrainRows } from "./self_train_rows.ts";

/**
 * SSL-ST-Class: the classified student learns from the labelled images and
 * from its own confident predictions on the others.
 *
 * A method labels a weak view in every step and learns from a strong view of the
 * same image, or labels all images once a round, or only wants two views to agree.
 */
export async function selfTrainRecipe(
  context: Context,
  model: Vit,
  /** Models that label beside it. */
  voters: readonly FrozenModel[],
): Promise<Recipe> {
  const { device, communicator, config, split } = context;
  const options = config.phases.selfTrain;
  const { feature, dropPath, dropout, headDropout } = config.student;
  const rows = selfTrainRows(context);
  const emaDecay = options.emaDecay || options.optimizer.ema;
  const { gradients, optimizer, step, buckets } = openLearner(context, model, {
    ...options.optimizer,
    ema: emaDecay,
  });
  const evaluated = optimizer.average
    ? { config: model.config, parameters: optimizer.average }
    : model;
  const input = new PatchInput(device, context.studentInput);
  const method = methodOf(options);
  const steps = Math.ceil(options.images / config.globalBatch);
  const batch = new SelfTrainBatch(context, {
    rows,
    input,
    model,
    method,
    steps,
  });
  const { ranges } = batch;
  const labeller = method.ownLabels ? model : evaluated;
  const unlabelled = new Unlabelled(context, method, [
    { model: evaluated, normalisation: context.studentInput, feature },
    ...voters,
  ]);
  const { rule } = unlabelled;
  const { program } = step;
  const stepsPerRound = Math.max(1, Math.ceil(steps / (options.rounds || 1)));
  const byRound = method.labels.when === "round";
  const first = method.restarts ? await model.parameters.read() : undefined;

  // The images of the first micro-batches need no weights: they are the prefix.
  const weakPatches = rule || method.consistency > 0
    ? batch.recordWeak(program, "unlabelled", 0)
    : undefined;
  const firstImages = batch.recordImages(program, 0);
  step.endPrefix(firstImages, ...(weakPatches ? [weakPatches] : []));

  const weakLogits = weakPatches && recordLabels(context, {
    step,
    batch,
    rows,
    method,
    labeller,
    feature,
    unlabelled,
    patches: weakPatches,
    onTargets: (weak) => losses.write(unlabelled.watch(weak)),
  });

  const size = rows.labelled + rows.unlabelled;
  const figures = new RowFigures(step, size, ranges.length);
  const fairness = rule instanceof FreeMatchRule && method.fairness > 0
    ? new FairnessLoss(device, {
      step,
      batch,
      rows,
      rule,
      classes: model.config.classes,
      weight: method.fairness,
      communicator,
      division: context.division,
    })
    : undefined;
  const losses = new SelfTrainLosses(device, {
    step,
    batch,
    rows,
    figures,
    consistency: method.consistency,
    fairness,
  });

  const recordForward = (index: number, keep: boolean) => {
    const part = batch.all.parts[index]!;
    const images = index === 0 && keep
      ? firstImages
      : batch.recordImages(program, index);
    const patches = batch.recordPatches(program, index, images);
    const regularisation = {
      dropPath,
      dropout,
      headDropout,
      step: step.uniform.tensor,
      positions: part.positions,
    };
    program.section("forward");
    const activations = vitForward(program, model, {
      patches,
      batch: part.size,
      keep,
      recompute: config.recompute,
      ...(dropPath > 0 || dropout > 0 ? { regularisation } : {}),
    });
    const heads = headsForward(
      program,
      model,
      activations,
      feature,
      regularisation,
    );
    return { part, patches, activations, heads };
  };

  // Fairness needs the logits of all images before any gradient: with several
  // micro-batches a forward pass of its own collects them.
  if (fairness && ranges.length > 1) {
    fairness.gather((index, use) =>
      program.scope(() => use(recordForward(index, false).heads.logits))
    );
  }

  const recordPass = (index: number) => {
    const { part, patches, activations, heads } = recordForward(index, true);
    if (ranges.length === 1) fairness?.gather((_, use) => use(heads.logits));
    const loss = losses.record(index, heads, weakLogits);

    program.section("backward");
    const pass = buckets.pass(index, ranges.length);
    const dTokens = headsBackward(program, model, {
      heads,
      kind: feature,
      batch: part.size,
      gradients: pass.gradients,
      losses: optimizer.scaleLosses(program, loss),
    });
    pass.ready("heads");
    vitBackward(program, model, {
      activations,
      dTokens,
      gradients: pass.gradients,
      onGradients: pass.ready,
    });
    program.release(patches);
  };
  ranges.forEach((_, index) => program.scope(() => recordPass(index)));
  figures.finish();
  buckets.finish();
  program.section("update");
  await recordUpdate(context, { step, optimizer, model: model, gradients });

  const sampler = new Sampler(split.labelled, config.seed, STREAMS.selfTrain);
  const chosen = new Uint32Array(rows.globalLabelled);
  const unlearned = rows.globalUnlabelled;
  /** Of images that only have to look alike in both views. */
  const noLabels: StepLabels = {
    labels: new Int32Array(unlearned),
    weights: new Float32Array(unlearned),
    confidence: new Float32Array(unlearned),
    rate: 0,
  };
  return {
    phase: "selfTrain",
    steps,
    imagesPerStep: config.globalBatch,
    // Each unlabelled image once, and the labelled ones beside them.
    epochImages: split.unlabelled.length * config.globalBatch /
      rows.globalUnlabelled,
    model,
    evaluated,
    gradients,
    optimizer,
    emaDecay,
    step,
    input,
    feature,
    schedule: options.schedule,
    learningRate: options.optimizer.learningRate,
    cycle: method.restarts ? stepsPerRound : undefined,
    classifies: true,
    startCompetes: true,
    guard: unlabelled.guard,
    refuses(accuracy) {
      const { startAccuracy } = options.guard;
      const chance = 1 / model.config.classes;
      const least = startAccuracy === "auto"
        ? Math.min(2 * chance, chance + 0.1)
        : startAccuracy;
      return accuracy >= least
        ? undefined
        : `its start gets ${
          percent(accuracy)
        } of the validation images right, and phases.selfTrain.guard.startAccuracy asks for ${
          percent(least)
        }`;
    },
    async prepare(index) {
      for (let i = 0; i < rows.globalLabelled; i++) {
        chosen[i] = sampler.at(index * rows.globalLabelled + i);
      }
      if (rule) await unlabelled.consult();
      if (byRound) {
        const begins = await unlabelled.startRound(
          Math.floor(index / stepsPerRound),
        );
        if (begins && first) {
          model.parameters.writeAll(first);
          optimizer.average?.writeAll(first);
          optimizer.restart(index);
        }
      }
      const { indices, pseudoLabels } = unlabelled.draw(
        index * rows.globalUnlabelled,
        rows.globalUnlabelled,
      );
      batch.write(index, chosen, indices);
      losses.write();
      if (!rule) batch.adopt(pseudoLabels ?? noLabels);
    },
    // A round's labels come from the weights at its start.
    preparesEarly: (index) => !byRound || index % stepsPerRound !== 0,
    loss: (metrics) => {
      const entropy = classificationValue(metrics, model.config.distilled);
      return entropy + method.consistency * metrics.get("consistency") +
        method.fairness * metrics.get("fairness");
    },
    figures: () => ({}),
    hostFigures() {
      if (!batch.used || method.labels.when === "never") return {};
      const { rate, accuracy } = batch.used;
      return {
        mask_rate: rate,
        ...(accuracy === undefined ? {} : { pseudo_label_accuracy: accuracy }),
      };
    },
    conclude: () => unlabelled.conclude(),
    save: () => unlabelled.save(),
    restore: (state) => unlabelled.restore(state),
    [Symbol.dispose]() {
      step[Symbol.dispose]();
      losses[Symbol.dispose]();
      fairness?.[Symbol.dispose]();
      batch[Symbol.dispose]();
      unlabelled[Symbol.dispose]();
      input[Symbol.dispose]();
      optimizer[Symbol.dispose]();
      gradients[Symbol.dispose]();
    },
  };
}
