import { ReplicaCheck, silentCommunicator } from "../training/mod.ts";
import { answerCollapse } from "./answer_collapse.ts";
import { conclude, rehearseConclusion } from "./conclusion.ts";
import type { Context } from "./context.ts";
import type { PhaseName, PhaseOutcome, PhaseSummary } from "./engine.ts";
import { guardStep } from "./numeric_guard.ts";
import { Pace } from "./pace.ts";
import {
  type PhaseEnd,
  readStates,
  resumePhase,
  savePhase,
} from "./phase_checkpoint.ts";
import { PhaseMetrics } from "./phase_metrics.ts";
import { Profile } from "./profile.ts";
import type { Unfinished } from "./regroup.ts";
import type { Recipe } from "./recipe.ts";
import { Selection } from "./selection.ts";
import { StepReports } from "./step_reports.ts";
import { StepRunner } from "./step_runner.ts";

/** Runs a recipe from its newest checkpoint to its end, or to a stop request. */
export class TrainingLoop implements Unfinished {
  readonly #context: Context;
  readonly #recipe: Recipe;
  readonly #runner: StepRunner;
  readonly #check: ReplicaCheck;
  readonly #metrics: PhaseMetrics;
  readonly #selection: Selection;
  readonly #reports: StepReports;
  readonly #pace: Pace;
  /** Steps submitted: all of them are finished where anything else happens. */
  #step = 0;
  /** What the host knew of each step that is not reported yet. */
  readonly #known: Record<string, number>[] = [];
  #profile: Profile | undefined;
  /** Why the phase ends before its last step. */
  #ended: PhaseEnd | undefined;
  /** Training seconds of earlier processes, and the start of this one's. */
  #seconds = 0;
  readonly #since: number;

  constructor(context: Context, recipe: Recipe) {
    const { device, communicator, env } = context;
    this.#context = context;
    this.#recipe = recipe;
    this.#runner = new StepRunner(context, recipe, {
      onPrepared: (from, to) => this.#profile?.span("prepare", from, to),
    });
    this.#check = new ReplicaCheck(device, communicator);
    this.#metrics = new PhaseMetrics(context);
    this.#reports = new StepReports(context, recipe, this.#metrics);
    this.#pace = new Pace(communicator.size);
    this.#since = env.clock.now();
    this.#selection = new Selection(context, recipe, {
      metrics: this.#metrics,
      onBatch: () => this.#alive(),
    });
  }

  get phase(): PhaseName {
    return this.#recipe.phase;
  }

  get step(): number {
    return this.#step;
  }

  /** Saves what is finished, though other ranks are not there to see it. */
  async save(): Promise<void> {
    this.#recipe.step.drain();
    await this.#report();
    await this.#metrics.complete();
    await this.#save({ communicator: silentCommunicator(0, 1) });
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
    if (this.#step === 0 && this.#recipe.startCompetes) await this.#start();
    else if (this.#selection.misses(this.#step)) {
      // Ranks were lost in it.
      await this.#validate();
      await this.#watch();
    }
    while (this.#step < steps && this.#ended === undefined) {
      const stop = await this.#submit();
      const done = this.#step;
      const proves = done % config.checksum.everySteps === 0;
      const evaluates = this.#selection.isDue(done);
      const saves = stop || done % config.checkpoint.everySteps === 0;
      const ends = done === steps;
      if (proves || evaluates || saves || ends || program.full) program.drain();
      await this.#report();
      if (proves) await this.#prove();
      if (ends) break;
      if (evaluates) await this.#noted("evaluate", () => this.#validate());
      await this.#watch();
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
    const { model, optimizer, classifies, step } = this.#recipe;
    await model.parameters.read();
    await readStates(optimizer.state);
    await step.gatherMissing(this.#context.communicator);
    if (classifies) rehearseConclusion(this.#context, this.#recipe);
  }

  [Symbol.dispose](): void {
    this.#selection[Symbol.dispose]();
  }

  /** Validates the first weights, which some phases do not train below a bound. */
  async #start(): Promise<void> {
    await this.#validate();
    const { best } = this.#selection;
    const reason = best && this.#recipe.refuses?.(best.accuracy);
    if (reason === undefined) return;
    this.#context.log(
      "warn",
      `${this.#recipe.phase} does not train: ${reason}`,
    );
    this.#ended = { refused: reason };
  }

  /** Ends the phase early where nothing gets better, or answers a collapse. */
  async #watch(): Promise<void> {
    const { phase, guard, step: program } = this.#recipe;
    const { patience } = this.#context.config.evaluation;
    const { best, waited } = this.#selection;
    if (patience > 0 && waited >= patience) {
      const reason = `no better model in ${waited} validations`;
      this.#context.log("info", `phase ${phase} ends early: ${reason}`);
      this.#ended = { stopped: reason };
      return;
    }
    const collapse = guard?.take();
    if (!guard || !collapse) return;
    program.drain();
    await this.#report();
    const reason = answerCollapse(this.#context, this.#recipe, {
      guard,
      collapse,
      best,
      step: this.#step,
    });
    if (reason !== undefined) this.#ended = { stopped: reason };
  }

  /** Submits one step; true when a rank asked to stop after it. */
  async #submit(): Promise<boolean> {
    const profile = this.#profile;
    const index = this.#step;
    const following = index + 1;
    if (profile?.changesBefore(index)) await profile.change(index);
    const { stop, known } = await this.#runner.run(index, {
      stop: this.#context.stopRequested(),
      early: following < this.#recipe.steps &&
        !profile?.changesBefore(following),
    });
    this.#known.push(known);
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

  /** Guards and reports the steps that have ended. */
  async #report(): Promise<void> {
    const { phase, step: program } = this.#recipe;
    for (const finished of program.takeFinished()) {
      guardStep(this.#context, this.#recipe, finished);
      this.#context.onStep(phase, finished.step + 1);
      this.#profile?.add(finished);
      this.#pace.add(finished);
      await this.#reports.add(finished, {
        known: this.#known.shift()!,
        validationAccuracy: this.#selection.best?.accuracy,
      });
    }
  }

  async #prove(): Promise<void> {
    const { phase, model } = this.#recipe;
    await this.#check.run(
      model.parameters,
      `in phase ${phase} after step ${this.#step}`,
    );
  }

  async #validate(): Promise<void> {
    await this.#selection.validate(this.#step);
  }

  /** Chooses the model, tests it once and saves it as the phase's result. */
  async #conclude(): Promise<PhaseSummary> {
    await this.#prove();
    if (this.#ended === undefined && this.#selection.validated < this.#step) {
      await this.#validate();
    }
    const summary = await conclude(this.#context, this.#recipe, {
      best: this.#selection.best,
      step: this.#step,
      ended: this.#ended,
      seconds: this.#elapsed(),
      metrics: this.#metrics,
      onBatch: () => this.#alive(),
    });
    Object.assign(summary, this.#pace.figures);
    await this.#save({ summary });
    return summary;
  }

  /** Says that the rank works though no step ends. */
  #alive(): void {
    this.#context.onStep(this.#recipe.phase, this.#step);
  }

  #elapsed(): number {
    return this.#seconds +
      (this.#context.env.clock.now() - this.#since) / 1000;
  }

  #save(
    { summary, ...change }:
      & { summary?: PhaseSummary }
      & Partial<Pick<Context, "communicator">> = {},
  ): Promise<string> {
    return savePhase({ ...this.#context, ...change }, this.#recipe, {
      step: this.#step,
      seconds: this.#elapsed(),
      best: this.#selection.best,
      waited: this.#selection.waited,
      validated: this.#selection.validated,
      ended: this.#ended,
      figures: this.#reports.figures,
      recipe: this.#runner.before?.state ?? this.#recipe.save(),
      summary,
    });
  }

  /** Goes on from the phase's newest checkpoint; returns the summary of a finished phase. */
  async #resume(): Promise<PhaseSummary | undefined> {
    const state = await resumePhase(
      this.#context,
      this.#recipe,
      this.#reports.figures,
    );
    if (state === undefined) return undefined;
    this.#step = state.step;
    this.#seconds = state.seconds;
    this.#selection.best = state.best;
    this.#selection.waited = state.waited;
    this.#selection.validated = state.validated;
    this.#ended = state.ended;
    return state.summary;
  }
}
