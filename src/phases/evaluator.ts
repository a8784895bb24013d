import { scoreLogits, type Scores } from "../evaluation/mod.ts";
import type { FeatureKind, Vit } from "../model/mod.ts";
import { Inference, type PatchInput } from "../training/mod.ts";
import type { Context } from "./context.ts";

/** Figures of a model on labelled images. */
export interface EvaluationResult extends Scores {
  labels: Int32Array;
  /** `[count, classes]` */
  logits: Float32Array;
}

/** Evaluates one model on one part of the data, as often as asked. */
export class Evaluator {
  readonly #context: Context;
  readonly #inference: Inference;
  readonly #labels: Int32Array;
  readonly #classes: number;

  constructor(
    context: Context,
    options: {
      model: Vit;
      input: PatchInput;
      feature: FeatureKind;
      part: "validation" | "test";
      onBatch: () => void;
    },
  ) {
    const { model, input, feature, part, onBatch } = options;
    const { split, data, trainStore, testStore, device } = context;
    const { communicator, division, leftovers } = context;
    const test = part === "test";
    const indices = test ? split.test : split.validation;
    const { labels } = test ? data.test : data.train;
    this.#context = context;
    this.#classes = model.config.classes;
    this.#labels = indices.map((index) => labels[index]!);
    this.#inference = new Inference({
      device,
      communicator,
      division,
      model,
      input,
      feature,
      store: test ? testStore : trainStore,
      indices,
      onBatch,
      leftovers,
    });
  }

  async run(): Promise<EvaluationResult> {
    const rows = await this.#inference.run();
    this.#context.device.check();
    return {
      ...scoreLogits(rows, this.#labels, this.#classes),
      labels: this.#labels,
      logits: Float32Array.from(rows),
    };
  }

  [Symbol.dispose](): void {
    this.#inference[Symbol.dispose]();
  }
}
