import { softmaxRows } from "../evaluation/mod.ts";
import { Inference, PatchInput } from "../training/mod.ts";
import type { Context } from "./context.ts";
import type { FrozenModel } from "./further_models.ts";
import { combineModels } from "./rules/mod.ts";

/** Predictions of one or several models for all unlabelled images. */
export class Labellers {
  readonly #inputs: readonly PatchInput[];
  readonly #inferences: readonly Inference[];
  readonly #classes: number;
  readonly #kind: "mean" | "vote";
  #votes: readonly ArrayLike<number>[] | undefined;

  /** @param labellers The student's model, then those that do not change. */
  constructor(context: Context, labellers: readonly FrozenModel[]) {
    const { config, split, communicator, division } = context;
    const { device, trainStore, leftovers } = context;
    this.#kind = config.phases.selfTrain.combine;
    this.#classes = context.data.classNames.length;
    this.#inputs = labellers.map(({ normalisation }) =>
      new PatchInput(device, normalisation)
    );
    this.#inferences = labellers.map(({ model, feature }, i) =>
      new Inference({
        model,
        input: this.#inputs[i]!,
        feature,
        device,
        communicator,
        division,
        store: trainStore,
        indices: split.unlabelled,
        onBatch: () => context.onStep("selfTrain", -1),
        leftovers,
      })
    );
  }

  /** Class probabilities, `[unlabelled images, classes]`, the same on every rank. */
  async run(): Promise<ArrayLike<number>> {
    const own = await this.#predict(this.#inferences.slice(0, 1));
    return this.combine([...own, ...await this.votes()]);
  }

  /** The same by each model but the first: asked once, since they do not change. */
  async votes(): Promise<readonly ArrayLike<number>[]> {
    this.#votes ??= await this.#predict(this.#inferences.slice(1));
    return this.#votes;
  }

  /** What the models' probabilities for the same images make together. */
  combine(models: readonly ArrayLike<number>[]): ArrayLike<number> {
    return models.length === 1 ? models[0]! : combineModels(models, {
      classes: this.#classes,
      kind: this.#kind,
    });
  }

  [Symbol.dispose](): void {
    for (const each of [...this.#inferences, ...this.#inputs]) {
      each[Symbol.dispose]();
    }
  }

  async #predict(
    inferences: readonly Inference[],
  ): Promise<ArrayLike<number>[]> {
    const models: ArrayLike<number>[] = [];
    for (const inference of inferences) {
      models.push(softmaxRows(await inference.run(), this.#classes));
    }
    return models;
  }
}
