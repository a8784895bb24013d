import { SignetError } from "../env/mod.ts";
import type { NamedValues, ParameterSet } from "../model/mod.ts";
import {
  type FinishedStep,
  ReplicaCheck,
  type StepValues,
} from "../training/mod.ts";
import { loadCheckpoint, RunFolder, saveCheckpoint } from "../run/mod.ts";
import { type Context, STREAMS } from "./context.ts";
import type { PhaseOutcome, PhaseSummary } from "./engine.ts";
import { type EvaluationResult, Evaluator } from "./evaluator.ts";
import { Profile } from "./profile.ts";
import { learningRateAt, type Recipe } from "./recipe.ts";
import { writeResults } from "./results.ts";
import { Figures } from "./step_figures.ts";
import { fromTensorMap, toTensorMap } from "./stored_values.ts";

/** Training met a value that is not finite. */
export class NumericError extends SignetError {
  override name = "NumericError";
}

/** The best model so far, by validation. */
interface Best {
  step: number;
  accuracy: number;
  loss: number;
  values: NamedValues;
}

/** Bytes in one unit of the first float of a peak. */
const PEAK_UNIT = 1 << 20;

/** What a checkpoint's `state.json` holds. */
interface StoredState {
  seconds: number;
  figures: unknown;
  recipe: unknown;
  lossScale: number[] | null;
  best: { step: number; accuracy: number; loss: number } | null;
  /** The phase is finished; `model` is the chosen one. */
  summary?: PhaseSummary;
}

/** Runs a recipe from its newest checkpoint to its end, or to a stop request. */
export class TrainingLoop {
  readonly #context: Context;
  readonly #recipe: Recipe;
  readonly #run: RunFolder;
  readonly #check: ReplicaCheck;
  readonly #validation: Evaluator | undefined;
  readonly #figures: Figures;
  /** Steps submitted: all of them are finished where anything else happens. */
  #step = 0;
  /** The step whose batch is written already. */
  #prepared: number | undefined;
  /** What the host knew of each step that is not reported yet. */
  readonly #known: Record<string, number>[] = [];
  #profile: Profile | undefined;
  #best: Best | undefined;
  /** Training seconds of earlier processes, and the start of this one's. */
  #seconds = 0;
  #since: number;
  #lastReport: number;

  constructor(context: Context, recipe: Recipe) {
    const { device, communicator, runFolder, env, split } = context;
    this.#context = context;
    this.#recipe = recipe;
    this.#run = new RunFolder(env.disk, runFolder);
    this.#check = new ReplicaCheck(device, communicator);
    this.#figures = new Figures(recipe);
    this.#since = env.clock.now();
    this.#lastReport = this.#since;
    if (recipe.classifies && split.validation.length > 0) {
      this.#validation = new Evaluator(context, {
        model: recipe.evaluated,
        input: recipe.input,
        feature: recipe.feature,
        part: "validation",
        onBatch: () => context.onStep(recipe.phase, this.#step),
      });
    }
  }

  async run(): Promise<PhaseOutcome> {
    const finished = await this.#resume();
    if (finished !== undefined) return { state: "done", summary: finished };
    const { config } = this.#context;
    const { phase, steps, step: program } = this.#recipe;
    if (config.profile.steps > 0 && this.#context.device.hasTimestamps) {
      const start = this.#step;
      this.#profile = new Profile(this.#context, phase, {
        program,
        start,
        steps,
      });
    }
    if (this.#step === 0 && this.#recipe.startCompetes) await this.#evaluate();
    while (this.#step < steps) {
      const stop = await this.#submit();
      const done = this.#step;
      const proves = done % config.checksum.everySteps === 0;
      const evaluates = done % this.#evaluateEvery() === 0;
      const saves = stop || done % config.checkpoint.everySteps === 0;
      const ends = done === steps;
      if (proves || evaluates || saves || ends || program.full) program.drain();
      for (const finished of program.takeFinished()) {
        await this.#report(finished);
      }
      if (proves) await this.#prove();
      if (ends) break;
      if (evaluates) await this.#noted("evaluate", () => this.#evaluate());
      if (stop) {
        await this.#profile?.write();
        return { state: "stopped", checkpoint: await this.#save() };
      }
      if (saves) await this.#noted("checkpoint", () => this.#save());
    }
    await this.#profile?.write();
    return { state: "done", summary: await this.#conclude() };
  }

  /** Allocates what a run of the loop does, on a device that only counts. */
  async rehearse(): Promise<void> {
    const { model, optimizer, classifies } = this.#recipe;
    await model.parameters.read();
    await readStates(optimizer.state);
    if (classifies) this.#testEvaluator()[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    this.#validation?.[Symbol.dispose]();
  }

  /** Steps between validations: the configured number, an epoch, or a quarter of the phase. */
  #evaluateEvery(): number {
    const { everySteps } = this.#context.config.evaluation;
    const { epochImages, imagesPerStep, steps } = this.#recipe;
    if (everySteps > 0) return everySteps;
    // Small sets have epochs of a few steps: at most 20 validations a phase.
    const epoch = Math.max(
      Math.ceil(epochImages / imagesPerStep),
      Math.ceil(steps / 20),
    );
    return Math.max(1, Math.min(epoch, Math.floor(steps / 4)));
  }

  /** Submits one step; true when a rank asked to stop after it. */
  async #submit(): Promise<boolean> {
    const { stopRequested } = this.#context;
    const { steps, step: program } = this.#recipe;
    const { preparesEarly, hostFigures } = this.#recipe;
    const profile = this.#profile;
    const prepare = (step: number) =>
      this.#noted("prepare", async () => await this.#recipe.prepare(step));
    const index = this.#step;
    if (profile?.changesBefore(index)) await profile.change(index);
    if (this.#prepared !== index) await prepare(index);
    this.#prepared = undefined;
    let known: Record<string, number> | undefined;
    const following = index + 1;
    const early = following < steps && (preparesEarly?.(following) ?? true) &&
      !profile?.changesBefore(following);
    const stop = await program.run({
      values: this.#valuesOf(index),
      stop: stopRequested(),
      next: !early ? undefined : async () => {
        known = hostFigures?.();
        await prepare(following);
        this.#prepared = following;
        return this.#valuesOf(following);
      },
    });
    this.#known.push(known ?? hostFigures?.() ?? {});
    this.#step = following;
    return stop;
  }

  /** Does something and puts it into the profile. */
  async #noted<T>(name: string, work: () => Promise<T>): Promise<T> {
    const { clock } = this.#context.env;
    const from = clock.now();
    const result = await work();
    this.#profile?.span(name, from, clock.now());
    return result;
  }

  #valuesOf(step: number): StepValues {
    const { phase, optimizer, emaDecay } = this.#recipe;
    return {
      seed: this.#context.config.seed,
      stream: STREAMS[phase],
      step,
      learningRate: learningRateAt(this.#recipe, step),
      ...optimizer.corrections(step),
      emaDecay,
    };
  }

  /** All ranks see the same sums, so all throw at the same step. */
  #guard({ metrics, step }: FinishedStep): void {
    const loss = this.#recipe.loss(metrics);
    const { phase } = this.#recipe;
    const gate = metrics.get("gate");
    if (gate === 0 && Number.isFinite(loss)) return;
    if (gate === 1) {
      const scale = metrics.get("lossScale");
      this.#context.log("warn", "a gradient overflowed, the step is skipped", {
        phase,
        step: step + 1,
        scale,
      });
      return;
    }
    throw new NumericError(
      `Cannot go on in phase ${phase}, step ${
        step + 1
      }: loss ${loss}, gradient norm ${
        metrics.get("gradientNorm")
      }; the parameters are still those of step ${step}`,
      {
        hint:
          `lower phases.${phase}.optimizer.learningRate or set clipNorm, then --resume auto`,
      },
    );
  }

  /** Adds a step to the running figures; writes and shows them when due. */
  async #report(finished: FinishedStep): Promise<void> {
    this.#guard(finished);
    const { communicator, env, onProgress, onStep } = this.#context;
    const { phase, steps, imagesPerStep, epochImages } = this.#recipe;
    const done = finished.step + 1;
    const learningRate = learningRateAt(this.#recipe, finished.step);
    onStep(phase, done);
    this.#figures.add(finished, this.#known.shift()!);
    this.#profile?.add(finished);
    const now = env.clock.now();
    const due = done % Math.max(1, Math.ceil(steps / 100)) === 0 ||
      done === steps;
    const shown = now - this.#lastReport >= 1000 || done === steps ||
      done === 1;
    if ((!due && !shown) || this.#figures.empty) return;
    const figures = this.#figures.means(finished.timings);
    const epoch = done * imagesPerStep / epochImages;
    if (shown) {
      this.#lastReport = now;
      onProgress({
        phase,
        step: done,
        steps,
        epoch,
        loss: figures.loss,
        learningRate,
        imagesPerSecond: figures.images_per_second,
        dataMs: figures.data_ms,
        forwardMs: figures.forward_ms,
        backwardMs: figures.backward_ms,
        communicationMs: figures.communication_ms,
        ...(this.#best ? { validationAccuracy: this.#best.accuracy } : {}),
        ...(figures.mask_rate === undefined
          ? {}
          : { maskRate: figures.mask_rate }),
      });
    }
    if (!due) return;
    if (communicator.rank === 0) {
      await this.#run.appendMetrics({
        time: env.clock.wall(),
        phase,
        step: done,
        epoch,
        split: "train",
        lr: learningRate,
        ...figures,
      });
    }
    this.#figures.reset();
  }

  async #prove(): Promise<void> {
    const { phase, model } = this.#recipe;
    await this.#check.run(
      model.parameters,
      `in phase ${phase} after step ${this.#step}`,
    );
  }

  async #evaluate(): Promise<void> {
    if (this.#validation === undefined) return;
    const result = await this.#validation.run();
    await this.#record("validation", result);
    const { startCompetes, evaluated } = this.#recipe;
    const best = this.#best;
    // Of equals the later one, but a start that is as good as any stays.
    const better = best === undefined || result.accuracy > best.accuracy ||
      (!startCompetes && result.accuracy === best.accuracy);
    if (!better) return;
    this.#best = {
      step: this.#step,
      accuracy: result.accuracy,
      loss: result.nll,
      values: await evaluated.parameters.read(),
    };
  }

  async #record(
    split: "validation" | "test",
    result: EvaluationResult,
  ): Promise<void> {
    const { communicator, env } = this.#context;
    const { phase, imagesPerStep, epochImages } = this.#recipe;
    if (communicator.rank !== 0) return;
    await this.#run.appendMetrics({
      time: env.clock.wall(),
      phase,
      step: this.#step,
      epoch: this.#step * imagesPerStep / epochImages,
      split,
      loss: result.nll,
      accuracy: result.accuracy,
      macro_precision: result.precision.macro,
      macro_recall: result.recall.macro,
      macro_f1: result.f1.macro,
    });
  }

  /** Chooses the model, tests it once and saves it as the phase's result. */
  async #conclude(): Promise<PhaseSummary> {
    await this.#prove();
    await this.#evaluate();
    const { communicator, data, split } = this.#context;
    const { evaluated, classifies, steps, imagesPerStep, phase } = this.#recipe;
    if (this.#best) evaluated.parameters.writeAll(this.#best.values);
    const seconds = this.#elapsed();
    const summary: PhaseSummary = {
      steps,
      images: steps * imagesPerStep,
      seconds,
      images_per_second: steps * imagesPerStep / seconds,
      parameters: [...(await evaluated.parameters.read()).values()]
        .reduce((sum, value) => sum + value.data.length, 0),
    };
    if (this.#best) {
      summary.val_accuracy = this.#best.accuracy;
      summary.best_step = this.#best.step;
    }
    if (this.#recipe.conclude) {
      Object.assign(summary, await this.#recipe.conclude());
    }
    if (classifies) {
      using test = this.#testEvaluator();
      const result = await test.run();
      await this.#record("test", result);
      summary.test_accuracy = result.accuracy;
      summary.test_macro_f1 = result.f1.macro;
      summary.test_loss = result.nll;
      summary.test_ece = result.ece15;
      summary.reliability = result.reliability;
      if (communicator.rank === 0) {
        await writeResults(this.#run, {
          phase,
          classNames: data.classNames,
          indices: split.test,
          result,
        });
      }
    }
    summary.peak_gpu_bytes = await this.#gatherPeaks();
    await this.#save(summary);
    return summary;
  }

  #testEvaluator(): Evaluator {
    const { evaluated, input, feature, phase } = this.#recipe;
    return new Evaluator(this.#context, {
      model: evaluated,
      input,
      feature,
      part: "test",
      onBatch: () => this.#context.onStep(phase, this.#step),
    });
  }

  /** Most bytes that each rank's GPU held during the phase. */
  async #gatherPeaks(): Promise<number[]> {
    const { communicator, device } = this.#context;
    const { rank, size } = communicator;
    // In two floats a rank, since one holds whole numbers up to 2^24 only.
    const peaks = communicator.allocate(2 * size);
    const { peakBytes } = device.memory;
    peaks[2 * rank] = Math.floor(peakBytes / PEAK_UNIT);
    peaks[2 * rank + 1] = peakBytes % PEAK_UNIT;
    await communicator.allGather(
      peaks,
      Array.from({ length: size + 1 }, (_, r) => 2 * r),
    );
    return Array.from(
      { length: size },
      (_, r) => peaks[2 * r]! * PEAK_UNIT + peaks[2 * r + 1]!,
    );
  }

  #elapsed(): number {
    return this.#seconds +
      (this.#context.env.clock.now() - this.#since) / 1000;
  }

  async #save(summary?: PhaseSummary): Promise<string> {
    const { communicator, env, runFolder, config } = this.#context;
    const { phase, model, evaluated, optimizer } = this.#recipe;
    if (communicator.rank === 0) {
      const parts: Parameters<typeof saveCheckpoint>[2]["parts"] = {
        // A finished phase keeps the chosen model; before, the one in training.
        model: toTensorMap(
          await (summary ? evaluated : model).parameters.read(),
        ),
        ...(summary ? {} : {
          optimizer: await readStates(optimizer.state),
          ...(optimizer.average
            ? { ema: toTensorMap(await optimizer.average.read()) }
            : {}),
          ...(this.#best ? { best: toTensorMap(this.#best.values) } : {}),
        }),
      };
      const best = this.#best;
      const state: StoredState = {
        seconds: this.#elapsed(),
        figures: this.#figures.save(),
        recipe: this.#recipe.save(),
        lossScale: await optimizer.lossScale?.save() ?? null,
        best: best
          ? { step: best.step, accuracy: best.accuracy, loss: best.loss }
          : null,
        ...(summary ? { summary } : {}),
      };
      await saveCheckpoint(env.disk, runFolder, {
        phase,
        step: this.#step,
        parts,
        state,
        best: summary !== undefined,
        keep: config.checkpoint.keep,
      });
    }
    // Nobody goes on, and perhaps dies, before the checkpoint is there.
    await communicator.barrier();
    return `${phase}-${this.#step}`;
  }

  /** Loads the phase's newest checkpoint; returns the summary of a finished phase. */
  async #resume(): Promise<PhaseSummary | undefined> {
    const { env, runFolder, log, communicator } = this.#context;
    const { phase, model, optimizer, evaluated } = this.#recipe;
    const checkpoint = await loadCheckpoint(env.disk, runFolder, { phase });
    for (const reason of checkpoint?.skipped ?? []) {
      log("warn", `skipped a damaged checkpoint: ${reason}`);
    }
    if (checkpoint === undefined) return undefined;
    const state = checkpoint.state as StoredState;
    const { parts } = checkpoint;
    this.#step = checkpoint.step;
    this.#seconds = state.seconds;
    if (state.summary) {
      evaluated.parameters.writeAll(fromTensorMap(parts.model));
      return state.summary;
    }
    if (communicator.rank === 0) {
      await this.#run.truncateMetrics(phase, checkpoint.step);
    }
    model.parameters.writeAll(fromTensorMap(parts.model));
    for (const [name, set] of Object.entries(optimizer.state)) {
      const prefix = `${name}.`;
      set.writeAll(
        new Map(
          [...fromTensorMap(parts.optimizer)]
            .filter(([key]) => key.startsWith(prefix))
            .map(([key, value]) => [key.slice(prefix.length), value]),
        ),
      );
    }
    optimizer.average?.writeAll(fromTensorMap(parts.ema));
    if (state.best && parts.best) {
      this.#best = { ...state.best, values: fromTensorMap(parts.best) };
    }
    this.#figures.restore(state.figures);
    this.#recipe.restore(state.recipe);
    if (state.lossScale) optimizer.lossScale?.restore(state.lossScale);
    log("info", `resumed phase ${phase} after step ${checkpoint.step}`);
    return undefined;
  }
}

/** Optimizer state by `set.parameter`; a set at a time, to stage little. */
async function readStates(sets: Record<string, ParameterSet>) {
  const values: ReturnType<typeof toTensorMap> = new Map();
  for (const [name, set] of Object.entries(sets)) {
    for (const [key, value] of toTensorMap(await set.read())) {
      values.set(`${name}.${key}`, value);
    }
  }
  return values;
}
