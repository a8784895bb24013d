import { Sampler } from "../data/mod.ts";
import { RunFolder } from "../run/mod.ts";
import { NO_IMAGE } from "../training/mod.ts";
import { CollapseGuard, type GuardState } from "./collapse_guard.ts";
import { type Context, STREAMS } from "./context.ts";
import type { FrozenModel } from "./further_models.ts";
import { Labellers } from "./labellers.ts";
import { Provenance, type ProvenanceState } from "./provenance.ts";
import {
  makeTable,
  restoreTable,
  type RoundTable,
  type StoredTable,
  storeTable,
  tableRows,
} from "./round_table.ts";
import {
  createRule,
  type Predictions,
  type PseudoLabelRule,
  type PseudoLabels,
  type RuleState,
  topClasses,
} from "./rules/mod.ts";
import type { Method } from "./self_train_method.ts";

/** Labels and weights for the unlabelled images of a global batch. */
export interface StepLabels extends PseudoLabels {
  /** Weighted share of right labels among those used, where the truth is known. */
  accuracy: number;
  /** Mean weight. */
  rate: number;
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
  /** Labels the images of each step; absent where rounds do, or nobody. */
  readonly rule: PseudoLabelRule | undefined;
  readonly guard: CollapseGuard;
  readonly #context: Context;
  readonly #labellers: Labellers;
  readonly #pool: Int32Array;
  readonly #classes: number;
  readonly #provenance: Provenance;
  #sampler: Sampler;
  #table: RoundTable | undefined;
  /** The table as a checkpoint holds it: made once, since a state is kept in every step. */
  #stored: StoredTable | undefined;
  /** Positions in the pool of the current global batch. */
  #drawn = new Int32Array();
  /** Step of the current global batch, and the pass or round it belongs to. */
  #place = { step: 0, round: 0 };

  /** @param labellers The models whose predictions become labels, the student's first. */
  constructor(
    context: Context,
    method: Method,
    labellers: readonly FrozenModel[],
  ) {
    const { config, split, data } = context;
    this.#context = context;
    this.#pool = split.unlabelled;
    this.#provenance = new Provenance(this.#pool.length);
    this.#classes = data.classNames.length;
    const prior = priorOf(context);
    this.guard = new CollapseGuard(
      config.phases.selfTrain.guard,
      prior,
      data.classNames,
    );
    this.rule = method.labels.when !== "step"
      ? undefined
      : createRule(method.labels.rule, {
        ...config.phases.selfTrain,
        classes: this.#classes,
        total: this.#pool.length,
        prior,
      });
    this.#labellers = new Labellers(context, labellers);
    this.#sampler = this.#samplerOf(this.#pool.length, 0);
  }

  /** The images at these positions of the stream of unlabelled images. */
  draw(
    position: number,
    count: number,
  ): { indices: Uint32Array; pseudoLabels?: StepLabels } {
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
          confidence: new Float32Array(count),
          accuracy: 0,
          rate: 0,
        },
      };
    }
    const rows = new Int32Array(count);
    for (let i = 0; i < count; i++) {
      const at = this.#sampler.at(position + i);
      rows[i] = at;
      this.#drawn[i] = table === undefined ? at : table.kept[at]!;
      indices[i] = this.#pool[this.#drawn[i]!]!;
    }
    if (table === undefined) return { indices };
    const labels = tableRows(table, rows, this.#classes);
    this.#note(labels);
    const { accuracy } = this.#figures(labels);
    const rate = new Set(table.kept).size / this.#pool.length;
    return { indices, pseudoLabels: { ...labels, accuracy, rate } };
  }

  /** Applies the rule to the global batch's predictions. */
  label(predictions: Omit<Predictions, "indices">): StepLabels {
    const labels = this.rule!.apply({ ...predictions, indices: this.#drawn });
    const { confidence, weights } = labels;
    for (let i = 0; i < weights.length; i++) {
      if (confidence[i]! < this.guard.floor) weights[i] = 0;
    }
    this.#note(labels);
    return { ...labels, ...this.#figures(labels) };
  }

  /** Labels all unlabelled images when the round is new; returns whether it is. */
  async startRound(round: number): Promise<boolean> {
    if (this.#table?.round === round) return false;
    const options = this.#context.config.phases.selfTrain;
    const noisy = options.method === "noisy-student";
    const table = makeTable(round, await this.#labellers.run(), {
      classes: this.#classes,
      threshold: Math.max(options.threshold, this.guard.floor),
      balance: noisy && options.noisyStudent.balance,
      soft: noisy && options.noisyStudent.labels === "soft",
    });
    this.#useTable(table);
    this.#context.log("info", "pseudo-labels of a round", {
      round,
      kept: new Set(table.kept).size,
      of: this.#pool.length,
    });
    return true;
  }

  /** Labels all images with the final model and writes `pseudo_labels.csv`. */
  async conclude(): Promise<Record<string, number>> {
    const { config, data, env, runFolder, communicator } = this.#context;
    const { threshold } = config.phases.selfTrain;
    const { labels, confidence } = topClasses(
      await this.#labellers.run(),
      this.#classes,
    );
    let kept = 0;
    let right = 0;
    let known = 0;
    const rows: (string | number)[][] = [];
    labels.forEach((label, i) => {
      const truth = data.train.labels[this.#pool[i]!]!;
      const keep = confidence[i]! >= threshold;
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
        confidence[i]!.toFixed(6),
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
      rule: this.rule?.state() ?? null,
      table: this.#stored ?? null,
      provenance: this.#provenance.save(),
      guard: this.guard.save(),
    };
  }

  restore(state: unknown): void {
    const { rule, table, provenance, guard } = state as {
      guard: GuardState;
      provenance: ProvenanceState;
      rule: RuleState | null;
      table: StoredTable | null;
    };
    if (rule !== null) this.rule?.restore(rule);
    if (table !== null) this.#useTable(restoreTable(table));
    this.#provenance.restore(provenance);
    this.guard.restore(guard);
  }

  [Symbol.dispose](): void {
    this.#labellers[Symbol.dispose]();
  }

  #useTable(table: RoundTable): void {
    this.#table = table;
    this.#stored = storeTable(table);
    // Of an empty table nothing is drawn.
    if (table.kept.length === 0) return;
    this.#sampler = this.#samplerOf(table.kept.length, table.round);
  }

  #note(labels: PseudoLabels): void {
    this.#provenance.note(this.#place, this.#drawn, labels);
    this.guard.note(this.#place.step, labels);
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

  #figures({ labels, weights }: PseudoLabels) {
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

/** Share of each class among the labels. */
function priorOf({ data, split }: Context): number[] {
  const prior = data.classNames.map(() => 0);
  for (const image of split.labelled) {
    prior[data.train.labels[image]!]! += 1 / split.labelled.length;
  }
  return prior;
}
