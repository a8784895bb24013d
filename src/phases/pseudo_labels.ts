import { Sampler } from "../data/mod.ts";
import type { Vit } from "../model/mod.ts";
import { RunFolder } from "../run/mod.ts";
import { Inference, NO_IMAGE, type PatchInput } from "../training/mod.ts";
import { type Context, STREAMS } from "./context.ts";
import { Provenance, type ProvenanceState } from "./provenance.ts";
import { createRule, type PseudoLabelRule } from "./rules/mod.ts";

/** Labels and weights for the unlabelled images of a global batch. */
export interface PseudoLabels {
  labels: Int32Array;
  /** 0 = not used. */
  weights: Float32Array;
  /** Weighted share of right labels among those used, where the truth is known. */
  accuracy: number;
  /** Mean weight. */
  rate: number;
}

/** All pseudo-labels of a round. */
interface Table {
  round: number;
  /** Position in `split.unlabelled` of each image that is confident enough. */
  kept: number[];
  labels: number[];
}

/** Of `pseudo_labels.csv`: an image a line, as the final model labels it. */
const COLUMNS = [
  "index",
  "name",
  "label",
  "class",
  "confidence",
  "kept",
  "reason",
  "first_round",
  "times_used",
  "times_seen",
  "flips",
  "true_label",
];

/** Which unlabelled images a step sees and what they are taken for. */
export class Unlabelled {
  readonly #context: Context;
  readonly #inference: Inference;
  readonly #rule: PseudoLabelRule | undefined;
  readonly #pool: Int32Array;
  readonly #classes: number;
  readonly #provenance: Provenance;
  #sampler: Sampler;
  #table: Table | undefined;
  /** Positions in the pool of the current global batch. */
  #drawn = new Int32Array();
  /** Step of the current global batch, and the pass or round it belongs to. */
  #place = { step: 0, round: 0 };

  /** @param labeller The model whose predictions become labels. */
  constructor(context: Context, labeller: Vit, input: PatchInput) {
    const { config, split, communicator, device, trainStore } = context;
    const { method, threshold, momentum } = config.phases.selfTrain;
    this.#context = context;
    this.#pool = split.unlabelled;
    this.#provenance = new Provenance(this.#pool.length);
    this.#classes = labeller.config.classes;
    this.#rule = method === "pseudo-label" ? undefined : createRule(method, {
      classes: this.#classes,
      total: this.#pool.length,
      threshold,
      momentum,
    });
    this.#inference = new Inference({
      device,
      communicator,
      model: labeller,
      input,
      feature: config.student.feature,
      store: trainStore,
      indices: this.#pool,
      onBatch: () => context.onStep("selfTrain", -1),
    });
    this.#sampler = this.#samplerOf(this.#pool.length, 0);
  }

  /** The images at these positions of the stream of unlabelled images. */
  draw(
    position: number,
    count: number,
  ): { indices: Uint32Array; pseudoLabels?: PseudoLabels } {
    const table = this.#table;
    this.#place = {
      step: Math.floor(position / count),
      round: table?.round ?? Math.floor(position / this.#pool.length),
    };
    const indices = new Uint32Array(count);
    if (this.#drawn.length !== count) this.#drawn = new Int32Array(count);
    if (table !== undefined && table.kept.length === 0) {
      return {
        indices: indices.fill(NO_IMAGE),
        pseudoLabels: {
          labels: new Int32Array(count),
          weights: new Float32Array(count),
          accuracy: 0,
          rate: 0,
        },
      };
    }
    const labels = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      const at = this.#sampler.at(position + i);
      this.#drawn[i] = table === undefined ? at : table.kept[at]!;
      if (table !== undefined) labels[i] = table.labels[at]!;
      indices[i] = this.#pool[this.#drawn[i]!]!;
    }
    if (table === undefined) return { indices };
    const weights = new Float32Array(count).fill(1);
    this.#provenance.note(this.#place, this.#drawn, { labels, weights });
    const { accuracy } = this.#figures(labels, weights);
    return {
      indices,
      pseudoLabels: {
        labels,
        weights,
        accuracy,
        rate: table.kept.length / this.#pool.length,
      },
    };
  }

  /** Applies the rule to the weak views' probabilities of the global batch. */
  rule(probabilities: Float32Array): PseudoLabels {
    const { labels, weights } = this.#rule!.apply(this.#drawn, probabilities);
    this.#provenance.note(this.#place, this.#drawn, { labels, weights });
    return { labels, weights, ...this.#figures(labels, weights) };
  }

  /** Labels all unlabelled images when the round is new. */
  async startRound(round: number): Promise<void> {
    if (this.#table?.round === round) return;
    const { labels, confidences } = await this.#labelAll();
    const { threshold } = this.#context.config.phases.selfTrain;
    const table: Table = { round, kept: [], labels: [] };
    labels.forEach((label, i) => {
      if (confidences[i]! < threshold) return;
      table.kept.push(i);
      table.labels.push(label);
    });
    this.#useTable(table);
    this.#context.log("info", "pseudo-labels of a round", {
      round,
      kept: table.kept.length,
      of: this.#pool.length,
    });
  }

  /** Labels all images with the final model and writes `pseudo_labels.csv`. */
  async conclude(): Promise<Record<string, number>> {
    const { config, data, env, runFolder, communicator } = this.#context;
    const { threshold } = config.phases.selfTrain;
    const { labels, confidences } = await this.#labelAll();
    let kept = 0;
    let right = 0;
    let known = 0;
    const rows: (string | number)[][] = [];
    labels.forEach((label, i) => {
      const truth = data.train.labels[this.#pool[i]!]!;
      const keep = confidences[i]! >= threshold;
      if (keep) {
        kept++;
        if (truth >= 0) known++;
        if (truth === label) right++;
      }
      const history = this.#provenance.at(i);
      rows.push([
        this.#pool[i]!,
        data.train.nameOf(this.#pool[i]!),
        label,
        data.classNames[label] ?? "",
        confidences[i]!.toFixed(6),
        keep ? 1 : 0,
        keep ? "" : `confidence below ${threshold}`,
        history.firstUsed < 0 ? "" : history.firstUsed + 1,
        history.timesUsed,
        history.timesSeen,
        history.flips,
        truth >= 0 ? truth : "",
      ]);
    });
    if (communicator.rank === 0) {
      await new RunFolder(env.disk, runFolder).writeTable(
        "pseudo_labels.csv",
        COLUMNS,
        rows,
      );
    }
    return {
      pseudo_label_yield: kept / Math.max(1, labels.length),
      ...(known > 0 ? { pseudo_label_accuracy: right / known } : {}),
      pseudo_label_flips: this.#provenance.meanFlips,
    };
  }

  save(): unknown {
    return {
      rule: this.#rule?.state() ?? null,
      table: this.#table ?? null,
      provenance: this.#provenance.save(),
    };
  }

  restore(state: unknown): void {
    const { rule, table, provenance } = state as {
      provenance: ProvenanceState;
      rule: Record<string, number[]> | null;
      table: Table | null;
    };
    if (rule !== null) this.#rule?.restore(rule);
    if (table !== null) this.#useTable(table);
    this.#provenance.restore(provenance);
  }

  [Symbol.dispose](): void {
    this.#inference[Symbol.dispose]();
  }

  #useTable(table: Table): void {
    this.#table = table;
    this.#sampler = this.#samplerOf(table.kept.length, table.round);
  }

  /** Order over positions of the pool, or of the round's kept images. */
  #samplerOf(count: number, round: number): Sampler {
    const positions = Int32Array.from({ length: count }, (_, i) => i);
    return new Sampler(
      positions,
      this.#context.config.seed,
      // 16 purposes are kept for phases; each round has one of its own.
      16 + STREAMS.selfTrain + 16 * round,
    );
  }

  async #labelAll(): Promise<
    { labels: Int32Array; confidences: Float64Array }
  > {
    const logits = await this.#inference.run();
    const count = this.#pool.length;
    const labels = new Int32Array(count);
    const confidences = new Float64Array(count);
    for (let i = 0; i < count; i++) {
      const row = logits.subarray(i * this.#classes, (i + 1) * this.#classes);
      let top = 0;
      for (let c = 1; c < row.length; c++) if (row[c]! > row[top]!) top = c;
      let sum = 0;
      for (const value of row) sum += Math.exp(value - row[top]!);
      labels[i] = top;
      confidences[i] = 1 / sum;
    }
    return { labels, confidences };
  }

  #figures(labels: Int32Array, weights: Float32Array) {
    const truths = this.#context.data.train.labels;
    let used = 0;
    let right = 0;
    let known = 0;
    labels.forEach((label, i) => {
      const weight = weights[i]!;
      const truth = truths[this.#pool[this.#drawn[i]!]!]!;
      used += weight;
      if (truth >= 0) known += weight;
      if (truth === label) right += weight;
    });
    return {
      rate: used / Math.max(1, labels.length),
      accuracy: known > 0 ? right / known : 0,
    };
  }
}
