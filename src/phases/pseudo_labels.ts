import { Sampler } from "../data/mod.ts";
import { NO_IMAGE } from "../training/mod.ts";
import { CollapseGuard, type GuardState } from "./collapse_guard.ts";
import { type Context, STREAMS } from "./context.ts";
import type { FrozenModel } from "./further_models.ts";
import { judgeImages, roundOptions } from "./judgement.ts";
import { Labellers } from "./labellers.ts";
import { writePseudoLabels } from "./pseudo_label_table.ts";
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
  /** Weighted share of right labels among those used whose truth is known; absent where there are none. */
  accuracy?: number;
  /** Mean weight. */
  rate: number;
}

/** Which unlabelled images a step sees and what they are taken for. */
export class Unlabelled {
  /** Labels the images of each step; absent where rounds do, or nobody. */
  readonly rule: PseudoLabelRule | undefined;
  readonly guard: CollapseGuard;
  readonly #context: Context;
  readonly #method: Method;
  readonly #labellers: Labellers;
  readonly #pool: Int32Array;
  readonly #classes: number;
  readonly #provenance: Provenance;
  #sampler: Sampler;
  #table: RoundTable | undefined;
  /** Share of the images that it keeps. */
  #kept = 0;
  /** The table as a checkpoint holds it: made once, since a state is kept in every step. */
  #stored: StoredTable | undefined;
  /** Positions in the pool of the current global batch. */
  #drawn = new Int32Array();
  /** What each further model makes of every image, where a rule labels. */
  #votes: readonly ArrayLike<number>[] = [];
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
    this.#method = method;
    this.#pool = split.unlabelled;
    this.#provenance = new Provenance(this.#pool.length);
    this.#classes = data.classNames.length;
    const prior = priorOf(context);
    this.guard = new CollapseGuard(config.phases.selfTrain.guard, {
      prior,
      classNames: data.classNames,
      what: method.labels.when === "never" ? "targets" : "pseudo-labels",
    });
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

  /** Asks the further models about all images: their answers count in every step. */
  async consult(): Promise<void> {
    this.#votes = await this.#labellers.votes();
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
      const none = {
        labels: new Int32Array(count),
        weights: new Float32Array(count),
        confidence: new Float32Array(count),
      };
      this.guard.note(this.#place.step, none);
      return {
        indices: indices.fill(NO_IMAGE),
        pseudoLabels: { ...none, rate: 0 },
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
    const rate = this.#kept;
    this.#provenance.note(this.#place, this.#drawn, labels);
    this.guard.note(this.#place.step, labels, rate);
    return {
      indices,
      pseudoLabels: { ...labels, ...this.#figures(labels), rate },
    };
  }

  /** Applies the rule to the global batch's predictions and those of further models. */
  label({ weak, ...predictions }: Omit<Predictions, "indices">): StepLabels {
    const votes = this.#votes.map((all) => this.#rowsOf(all));
    const labels = this.rule!.apply({
      ...predictions,
      weak: this.#labellers.combine([weak, ...votes]),
      indices: this.#drawn,
    });
    const { confidence, weights } = labels;
    for (let i = 0; i < weights.length; i++) {
      if (confidence[i]! < this.guard.floor) weights[i] = 0;
    }
    this.#provenance.note(this.#place, this.#drawn, labels);
    this.guard.note(this.#place.step, labels);
    return { ...labels, ...this.#figures(labels) };
  }

  /**
   * Takes note of the predictions that the student shall agree with, where nothing
   * becomes a label. They count by how far they are from chance: what is undecided
   * tells no class.
   *
   * @returns How much each counts: 0 where the guard asks for more confidence.
   */
  watch(weak: ArrayLike<number>): Float32Array {
    const { labels, confidence } = topClasses(weak, this.#classes);
    const chance = 1 / this.#classes;
    const trusted = Float32Array.from(
      confidence,
      (value) => value < this.guard.floor ? 0 : 1,
    );
    this.#provenance.note(this.#place, this.#drawn, {
      labels,
      weights: new Float32Array(labels.length),
    });
    this.guard.note(this.#place.step, {
      labels,
      weights: trusted.map((trust, i) =>
        trust * (confidence[i]! - chance) / (1 - chance)
      ),
    });
    return trusted;
  }

  /** Labels all unlabelled images when the round is new; returns whether it is. */
  async startRound(round: number): Promise<boolean> {
    if (this.#table?.round === round) return false;
    const options = this.#context.config.phases.selfTrain;
    const table = makeTable(round, await this.#labellers.run(), {
      classes: this.#classes,
      ...roundOptions(options, this.guard.floor),
    });
    this.#useTable(table);
    this.#context.log("info", "pseudo-labels of a round", {
      round,
      kept: Math.round(this.#kept * this.#pool.length),
      of: this.#pool.length,
    });
    return true;
  }

  /** Labels all images with the final model and writes `pseudo_labels.csv`. */
  async conclude(): Promise<Record<string, number>> {
    const judgement = judgeImages(await this.#labellers.run(), {
      classes: this.#classes,
      rule: this.rule,
      method: this.#method,
      options: this.#context.config.phases.selfTrain,
      floor: this.guard.floor,
    });
    const { answers } = this.guard;
    return {
      ...await writePseudoLabels(this.#context, judgement, this.#provenance),
      ...(answers > 0 ? { collapses: answers } : {}),
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

  /** The rows of the current global batch, of `[unlabelled images, classes]`. */
  #rowsOf(all: ArrayLike<number>): Float64Array {
    const classes = this.#classes;
    return Float64Array.from(
      { length: this.#drawn.length * classes },
      (_, i) =>
        all[this.#drawn[Math.floor(i / classes)]! * classes + i % classes]!,
    );
  }

  #useTable(table: RoundTable): void {
    this.#table = table;
    this.#stored = storeTable(table);
    this.#kept = new Set(table.kept).size / this.#pool.length;
    // Of an empty table nothing is drawn.
    if (table.kept.length === 0) return;
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
      ...(known > 0 ? { accuracy: right / known } : {}),
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
