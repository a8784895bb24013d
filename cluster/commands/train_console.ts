import type { Config } from "../../src/config/mod.ts";
import type { Clock } from "../../src/env/mod.ts";
import type { PhaseName } from "../../src/phases/engine.ts";
import { describeStraggler } from "../../src/run/mod.ts";
import type { Console } from "../console.ts";
import {
  headline,
  type JournalRecord,
  type Observer,
  progressLine,
  wireLine,
} from "../coordinator/mod.ts";
import type { RunPlan } from "../launch/mod.ts";
import type { ProgressMessage, WireCounts } from "../protocol.ts";
import type { Outlook } from "./outlook.ts";
import { plannedImages } from "./planned_images.ts";

/** Shows a run while it goes on. */
export class TrainConsole implements Observer {
  readonly #console: Console;
  readonly #clock: Clock;
  readonly #size: number;
  readonly #ready = new Map<number, { name: string; share: number }>();
  #mixed = false;
  readonly #wires = new Map<number, Partial<WireCounts>>();
  /** First progress of the phase in this process, for the time that is left. */
  #first: { step: number; at: number } | undefined;
  #phase: PhaseName | undefined;
  #phaseAt = 0;
  readonly #outlook: Outlook | undefined;

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
    const { folder, size, resumed, phases, done } = plan;
    this.#console.note(
      `run    ${folder}   world ${size}   resume ${resumed ? "yes" : "no"}`,
    );
    const images = plannedImages(config);
    const steps = phases.map((phase) => {
      if (done.includes(phase)) return `${phase} done`;
      return `${phase} ${Math.ceil(images.get(phase)! / config.globalBatch)}`;
    });
    const { kind, labelsPerClass } = config.data;
    const labels = labelsPerClass === 0
      ? "all labels"
      : `${labelsPerClass} labels a class`;
    this.#console.note(
      `plan   ${
        steps.join(" -> ")
      } steps   global batch ${config.globalBatch}   ${kind}, ${labels}`,
    );
    if (
      config.phases.teacher.enabled && config.phases.teacher.labels === "all" &&
      labelsPerClass !== 0
    ) {
      this.#console.note(
        "       the teacher sees all labels: it stands for a pre-trained model",
      );
    }
  }

  started(
    { url, pids, by }: { url: string; pids: readonly number[]; by?: string },
  ): void {
    const ranks = by ??
      pids.map((pid, rank) => `${rank}: pid ${pid}`).join(", ");
    this.#console.note(
      `start  nats ${url.replace(/^\w+:\/\//, "")}   ranks ${ranks}`,
    );
  }

  onRecord(record: JournalRecord): void {
    const console = this.#console;
    switch (record.event) {
      case "ready":
        this.#ready.set(record.rank, {
          name: record.adapter.name,
          share: record.share,
        });
        if (this.#ready.size === this.#size) this.#showRanks();
        return;
      case "phase_started":
        this.#first = undefined;
        this.#phase = record.phase;
        this.#phaseAt = this.#clock.now();
        return;
      case "phase_done": {
        const { summary, phase } = record;
        const seconds = (this.#clock.now() - this.#phaseAt) / 1000;
        const accuracy = summary.test_accuracy;
        console.progress(
          `${phase} done`,
          `${phase.padEnd(9)}      done  ${
            accuracy === undefined
              ? ""
              : `test ${(100 * accuracy).toFixed(1)} %  `
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
        this.onWarning(
          `${headline(record.failure)}; ${
            length === 1 ? "1 rank goes" : `${length} ranks go`
          } on from the step in progress`,
        );
        return;
      }
      case "wire":
        this.#wires.set(record.rank, record.counts);
        return;
      case "finished":
        for (const [rank, counts] of this.#wires) {
          console.note(`wire   rank ${rank} made good: ${wireLine(counts)}`);
        }
        return;

      case "straggler":
        return this.onWarning(describeStraggler(record));
      case "left":
        if (record.warning !== undefined) this.onWarning(record.warning);
        return;
      case "stop_requested": {
        const pace = this.#outlook?.line();
        if (pace !== undefined) console.note(pace);
        console.note(
          record.now
            ? `stop   ${record.cause} again: ending at once`
            : `stop   ${record.cause}: saving a checkpoint (again: at once)`,
        );
      }
    }
  }

  onProgress(progress: ProgressMessage): void {
    const { phase, step, steps } = progress;
    // Late news of a phase that is over.
    if (phase !== this.#phase) return;
    const now = this.#clock.now();
    this.#first ??= { step, at: now };
    const run = step - this.#first.step;
    const eta = run > 0
      ? (now - this.#first.at) / run * (steps - step)
      : undefined;
    this.#console.progress(phase, progressLine(progress, eta));
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

/** `llvmpipe x2` */
function counted(names: readonly string[]): string {
  const counts = Map.groupBy(names, (name) => name);
  return [...counts].map(([name, { length }]) => `${name} x${length}`)
    .join(", ");
}
