import type { Config } from "../../src/config/mod.ts";
import type { Clock } from "../../src/env/mod.ts";
import { percent } from "../../src/evaluation/mod.ts";
import type { PhaseName } from "../../src/phases/engine.ts";
import { phaseWork } from "../../src/phases/work.ts";
import { describeStraggler, describeWire } from "../../src/run/mod.ts";
import type { Console } from "../console.ts";
import {
  headline,
  type JournalRecord,
  type Observer,
  progressLine,
  shortProgress,
  type StopRequest,
} from "../coordinator/mod.ts";
import type { RunPlan } from "../launch/mod.ts";
import type { ProgressMessage, WireCounts } from "../protocol.ts";
import type { Outlook } from "./outlook.ts";

/** Shows a run while it goes on. */
export class TrainConsole implements Observer {
  readonly #console: Console;
  readonly #clock: Clock;
  readonly #size: number;
  readonly #ready = new Map<number, { name: string; share: number }>();
  #mixed = false;
  readonly #wires = new Map<number, Partial<WireCounts>>();
  /** Phases in progress. */
  readonly #running = new Map<PhaseName, RunningPhase>();
  readonly #outlook: Outlook | undefined;
  readonly #joined = new Set<number>();
  /** Those who come are told. */
  #waits = false;
  /** Signals that have come here. */
  #asked = 0;
  /** Who has asked to stop first. */
  #stopping: "here" | "rank" | undefined;

  constructor(
    console: Console,
    clock: Clock,
    { size, outlook }: { size: number; outlook?: Outlook | undefined },
  ) {
    this.#console = console;
    this.#clock = clock;
    this.#size = size;
    this.#outlook = outlook;
  }

  /** What will run, before anything is started. */
  plan(plan: RunPlan, config: Config): void {
    this.#mixed = config.mixed;
    const { folder, size, resumed, phases, done, taken } = plan;
    this.#console.note(
      `run    ${folder}   world ${size}   resume ${resumed ? "yes" : "no"}`,
    );
    const work = phaseWork(config);
    const steps = phases.map((phase) =>
      `${phase} ${done.includes(phase) ? "done" : work.get(phase)!.steps}`
    );
    const { kind, labelsPerClass } = config.data;
    const labels = labelsPerClass === 0
      ? "all labels"
      : `${labelsPerClass} labels a class`;
    const byHand = config.data.labels === undefined
      ? ""
      : ` and those in ${config.data.labels}`;
    this.#console.note(
      `plan   ${
        steps.join(" -> ")
      } steps   global batch ${config.globalBatch}   ${kind}, ${labels}${byHand}`,
    );
    for (const [phase, run] of taken) {
      this.#console.note(`taken  ${phase.padEnd(9)} from ${run}`);
    }
    if (
      config.phases.teacher.enabled && config.phases.teacher.labels === "all" &&
      labelsPerClass !== 0
    ) {
      this.#console.note(
        "       the teacher sees all labels: it stands for a pre-trained model",
      );
    }
    if (
      config.phases.selfTrain.enabled && config.data.validationPerClass === 0
    ) {
      this.#console.note(
        "       no validation images (data.validationPerClass): nothing keeps self-training from making the model worse",
      );
    }
  }

  started(
    { url, pids, by, waits }: {
      url: string;
      pids: readonly number[];
      by?: string;
      waits: boolean;
    },
  ): void {
    this.#waits = waits;
    const ranks = by ??
      pids.map((pid, rank) => `${rank}: pid ${pid}`).join(", ");
    this.#console.note(
      `start  nats ${url.replace(/^\w+:\/\//, "")}   ranks ${ranks}`,
    );
  }

  onRecord(record: JournalRecord): void {
    const console = this.#console;
    switch (record.event) {
      case "joined":
        this.#joined.add(record.rank);
        if (!this.#waits) return;
        return console.note(
          `join   rank ${record.rank} on ${record.host}: ${this.#joined.size} of ${this.#size}`,
        );
      case "awaited": {
        const { failure } = record;
        this.#joined.delete(failure.rank!);
        return this.onWarning(
          `${
            headline(failure)
          }; its place is free again: ${this.#joined.size} of ${this.#size} have come`,
        );
      }
      case "ready":
        this.#ready.set(record.rank, {
          name: record.adapter.name,
          share: record.share,
        });
        if (this.#ready.size === this.#size) this.#showRanks();
        return;
      case "phase_started":
        this.#running.set(record.phase, { since: this.#clock.now() });
        return;
      case "divided":
        console.note(dividedLine(record));
        return;
      case "phase_done": {
        const { summary, phase } = record;
        const since = this.#running.get(phase)?.since ?? this.#clock.now();
        const seconds = (this.#clock.now() - since) / 1000;
        this.#running.delete(phase);
        this.#outlook?.end(phase);
        const accuracy = summary.test_accuracy;
        console.progress(
          `${phase} done`,
          `${phase.padEnd(9)}      done  ${
            accuracy === undefined ? "" : `test ${percent(accuracy)}  `
          }in ${seconds.toFixed(1)} s`,
          true,
        );
        return;
      }
      case "phase_stopped":
        console.note(
          `${
            record.phase.padEnd(9)
          }   stopped  checkpoint ${record.checkpoint}`,
        );
        return;
      case "rank_lost": {
        const { length } = record.members;
        const { phase } = record.failure;
        const waits = length === 0 && phase !== undefined &&
          this.#running.delete(phase);
        const rest = waits
          ? "its phase waits for other ranks"
          : length === 0
          ? "its work was done"
          : `${
            length === 1 ? "1 rank goes" : `${length} ranks go`
          } on from the step in progress`;
        this.onWarning(`${headline(record.failure)}; ${rest}`);
        return;
      }
      case "wire":
        this.#wires.set(record.rank, record.counts);
        return;
      case "finished":
        for (const [rank, counts] of this.#wires) {
          console.note(
            `wire   rank ${rank}: ${
              describeWire(counts)
            }: made good, no result is affected`,
          );
        }
        return;

      case "warning":
        return this.onWarning(record.message);
      case "straggler":
        return this.onWarning(describeStraggler(record));
      case "left":
        if (record.warning !== undefined) this.onWarning(record.warning);
        return;
      case "stop_requested":
        if (this.#stopping !== undefined) return;
        this.#stopping = "rank";
        this.#tellStop(record.cause, record.now);
    }
  }

  /** A request from here: told before it is journalled, which a lost disk may delay. */
  asked({ cause, automatic }: StopRequest): void {
    if (!automatic) this.#asked++;
    // The first signal here after that of a rank is the same one.
    const known = automatic
      ? this.#stopping !== undefined
      : this.#stopping === "rank" && this.#asked === 1;
    if (!known) this.#tellStop(cause, this.#asked > 1);
    this.#stopping ??= "here";
  }

  #tellStop(cause: string, again: boolean): void {
    const pace = again ? undefined : this.#outlook?.line();
    if (pace !== undefined) this.#console.note(pace);
    const what = this.#running.size > 0 ? "saving a checkpoint" : "ending";
    this.#console.note(
      again
        ? `stop   ${cause} again: ending at once`
        : `stop   ${cause}: ${what} (again: at once)`,
    );
  }

  onProgress(progress: ProgressMessage): void {
    const { phase, step } = progress;
    const running = this.#running.get(phase);
    // Late news of a phase that is over.
    if (running === undefined) return;
    const now = this.#clock.now();
    running.first ??= { step, at: now };
    running.last = { progress, at: now };
    const shown = [...this.#running.values()].flatMap((running) => {
      const { progress } = running.last ?? {};
      return progress ? [{ progress, eta: etaOf(running) }] : [];
    });
    const topic = [...this.#running.keys()].join(" ");
    this.#console.progress(
      topic,
      shown.length === 1
        ? progressLine(progress, etaOf(running))
        : shown.map(({ progress, eta }) => shortProgress(progress, eta))
          .join("  |  "),
    );
    const pace = this.#outlook?.take(progress);
    if (pace !== undefined) this.#console.note(pace);
  }

  #showRanks(): void {
    const ranks = [...this.#ready].sort(([a], [b]) => a - b);
    this.#console.note(
      `ready  ${counted(ranks.map(([, { name }]) => name))}`,
    );
    if (!this.#mixed) return;
    const shares = ranks.map(([rank, { share }]) => `rank ${rank} ${share}`);
    this.#console.note(`mixed  images of a batch: ${shares.join(", ")}`);
  }

  onWarning(message: string): void {
    this.#console.urgent(`warning: ${message}`);
  }
}

/** A phase in progress. */
interface RunningPhase {
  since: number;
  /** First progress in this process, for the time that is left. */
  first?: { step: number; at: number };
  last?: { progress: ProgressMessage; at: number };
}

/** Milliseconds to the end of a phase. */
function etaOf({ first, last }: RunningPhase): number | undefined {
  if (first === undefined || last === undefined) return undefined;
  const { step, steps } = last.progress;
  const run = step - first.step;
  return run > 0 ? (last.at - first.at) / run * (steps - step) : undefined;
}

/** `divide selfTrain on ranks 0-4 beside baseline on ranks 5-7: …` */
function dividedLine(
  { teams, apart, together }: JournalRecord & { event: "divided" },
): string {
  const parts = teams.map(({ phase, members }) => {
    const [first, last] = [members[0]!, members.at(-1)!];
    return `${phase} on ${
      first === last ? `rank ${first}` : `ranks ${first}-${last}`
    }`;
  });
  const gain = together > apart
    ? `: ${Math.round(100 * (1 - apart / together))} % sooner`
    : "";
  return `divide ${parts.join(" beside ")}${gain}`;
}

/** `llvmpipe x2` */
function counted(names: readonly string[]): string {
  const counts = Map.groupBy(names, (name) => name);
  return [...counts].map(([name, { length }]) => `${name} x${length}`)
    .join(", ");
}
