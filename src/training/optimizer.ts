import type { Device, Program, Tensor } from "../gpu/mod.ts";
import {
  decayMask,
  type HeadGradients,
  ParameterSet,
  type Segment,
} from "../model/mod.ts";
import {
  adamw,
  biasCorrections,
  gradientNorm,
  sgd,
  updateLossScale,
} from "../ops/mod.ts";
import type { Wire } from "./wire.ts";
import type { Computed } from "./owned_state.ts";
import { LossScale, type LossScaleOptions } from "./loss_scale.ts";

/** As in the configuration, `phases.*.optimizer`. */
export interface OptimizerOptions {
  kind: "adamw" | "sgd";
  weightDecay: number;
  beta1: number;
  beta2: number;
  epsilon: number;
  momentum: number;
  /** Largest global gradient norm; 0 = no clipping. */
  clipNorm: number;
  /** Learning-rate factor from one layer to the one below it; 1 = off. */
  layerDecay: number;
  /** Decay of the moving average of the parameters; 0 = none is kept. */
  ema: number;
  /** Used where activations or sent gradients are f16. */
  lossScale?: LossScaleOptions;
  /** As what gradients are sent. */
  wire?: Wire;
}

/** Moments and averages of the trained parameters, and how a step changes them. */
export class Optimizer {
  readonly options: OptimizerOptions;
  /** Global gradient norm before clipping and the gate of the update, `[4]`: see `gradientNorm`. */
  readonly norm: Tensor;
  /** Only where activations or sent gradients are f16. */
  readonly lossScale: LossScale | undefined;
  /** Moving average of the parameters. */
  readonly average: ParameterSet | undefined;
  /** The step at which training began, or began anew: part of a checkpoint. */
  began = 0;
  readonly #moments: readonly ParameterSet[];
  readonly #segments: readonly Segment[];
  readonly #trained: readonly number[];
  readonly #decay: readonly Tensor[];

  /** @param trained Whether a segment learns; the others stay as they are. */
  constructor(
    device: Device,
    parameters: ParameterSet,
    options: OptimizerOptions,
    trained: (segment: Segment) => boolean = () => true,
  ) {
    const { segments } = parameters;
    this.options = options;
    this.#segments = segments;
    this.#trained = segments.map((_, i) => i).filter((i) =>
      trained(segments[i]!)
    );
    this.norm = device.tensor([4]);
    if (parameters.precision === "f16" || options.wire === "f16") {
      if (options.lossScale === undefined) {
        throw new Error("Cannot train in f16 without a loss scale");
      }
      this.lossScale = new LossScale(
        device,
        options.lossScale,
        parameters.precision,
      );
    }
    const moments = options.kind === "adamw" ? 2 : 1;
    this.#moments = Array.from(
      { length: moments },
      () => new ParameterSet(device, segments, "optimizer"),
    );
    this.#decay = segments.map((segment) => {
      const mask = decayMask(segment);
      return device.memory.as(
        "optimizer",
        () => device.tensor([mask.length], mask),
      );
    });
    if (options.ema > 0) {
      this.average = new ParameterSet(
        device,
        segments,
        "average",
        parameters.precision,
      );
      this.average.copyFrom(parameters);
    }
  }

  /** What a checkpoint must hold, by a name for each set. */
  get state(): Record<string, ParameterSet> {
    const names = this.#moments.length === 2
      ? ["first_moment", "second_moment"]
      : ["momentum"];
    return Object.fromEntries(
      this.#moments.map((set, i) => [names[i]!, set]),
    );
  }

  /** The moments, which {@linkcode Optimizer.record} does not settle. */
  get moments(): Computed {
    return {
      sets: this.#moments.map(({ tensors }) =>
        this.#trained.map((i) => tensors[i]!)
      ),
    };
  }

  /** Begins anew before a step: forgets the gradients so far. */
  restart(step: number): void {
    for (const set of this.#moments) set.clear();
    this.began = step;
    this.lossScale?.restart(step);
  }

  /** Whether this segment learns. */
  trains(segment: number): boolean {
    return this.#trained.includes(segment);
  }

  /** The gradients that backward starts from: those of the scaled loss, where it is scaled. */
  scaleLosses(program: Program, losses: HeadGradients): HeadGradients {
    return this.lossScale?.record(program, losses) ?? losses;
  }

  /** One more gradient that backward starts from. */
  scaleLoss(program: Program, gradient: Tensor): Tensor {
    return this.lossScale?.recordOne(program, gradient) ?? gradient;
  }

  /**
   * Records norm, update and average, after the gradients are complete. `settle`
   * is called when they are recorded, with what they compute, and may record other
   * values for it.
   */
  record(
    program: Program,
    parameters: ParameterSet,
    gradients: ParameterSet,
    step: Tensor,
    settle?: (computed: Computed) => void,
  ): void {
    const { options, norm } = this;
    const layers = Math.max(...this.#segments.map(({ layer }) => layer));
    gradientNorm(program, {
      gradients: this.#trained.map((i) => gradients.tensors[i]!),
      output: norm,
      final: this.lossScale === undefined,
    });
    if (this.lossScale !== undefined) {
      const { state, rule, step: corrected } = this.lossScale;
      program.copy(step, corrected);
      const { beta1, beta2 } = options;
      biasCorrections(program, { state, step: corrected, beta1, beta2 });
      updateLossScale(program, { state, norm, rule });
    }
    for (const i of this.#trained) {
      const common = {
        parameter: parameters.tensors[i]!,
        gradient: gradients.tensors[i]!,
        average: this.average?.tensors[i],
        half: parameters.copyOf(i),
        decay: this.#decay[i]!,
        norm,
        step: this.lossScale?.step ?? step,
        weightDecay: options.weightDecay,
        clipNorm: options.clipNorm,
        rateScale: options.layerDecay ** (layers - this.#segments[i]!.layer),
      };
      if (options.kind === "adamw") {
        adamw(program, {
          ...common,
          firstMoment: this.#moments[0]!.tensors[i]!,
          secondMoment: this.#moments[1]!.tensors[i]!,
          beta1: options.beta1,
          beta2: options.beta2,
          epsilon: options.epsilon,
        });
      } else {
        sgd(program, {
          ...common,
          momentum: this.#moments[0]!.tensors[i]!,
          momentumFactor: options.momentum,
        });
      }
    }
    if (settle !== undefined) {
      const of = (set: ParameterSet) =>
        this.#trained.map((i) => set.tensors[i]!);
      settle({
        common: [norm, ...(this.lossScale ? [this.lossScale.state] : [])],
        sets: [parameters, ...(this.average ? [this.average] : [])].map(of),
      });
      parameters.recordCopies(program, this.#trained);
    }
    this.average?.recordCopies(program, this.#trained);
  }

  /** The bias corrections of AdamW at step `step` (from 0), if none was skipped. */
  corrections(step: number): { correction1: number; correction2: number } {
    const taken = step + 1 - this.began;
    return {
      correction1: 1 - this.options.beta1 ** taken,
      correction2: 1 - this.options.beta2 ** taken,
    };
  }

  [Symbol.dispose](): void {
    for (const set of this.#moments) set[Symbol.dispose]();
    this.average?.[Symbol.dispose]();
    this.lossScale?.[Symbol.dispose]();
    for (const { buffer } of this.#decay) buffer.destroy();
    this.norm.buffer.destroy();
  }
}
