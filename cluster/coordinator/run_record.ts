import type { Env } from "../../src/env/mod.ts";
import type { PhaseName, PhaseSummary } from "../../src/phases/engine.ts";
import { decideShipped } from "../../src/phases/verdict.ts";
import type { RunFolder } from "../../src/run/mod.ts";
import type { WireCounts } from "../protocol.ts";
import type { JournalRecord } from "./state.ts";

interface RankEntry {
  rank: number;
  host: string;
  pid: number;
  adapter?: string;
  form?: string;
  /** Its images of a global batch. */
  share?: number;
  /** What has gone wrong on its wire, and was made good. */
  wire?: Partial<WireCounts>;
  /** Why the run went on without it. */
  lost?: string;
}

interface PhaseEntry {
  name: PhaseName;
  state: "waiting" | "running" | "done" | "stopped" | "failed";
  /** ISO times. */
  started?: string;
  ended?: string;
}

/** `run.json` and `summary.json`, kept up to date with the journal. */
export class RunRecord {
  readonly #env: Env;
  readonly #folder: RunFolder;
  readonly #fixed: Record<string, unknown>;
  readonly #earlier: Record<string, unknown>;
  #ranks: RankEntry[] = [];
  #phases: PhaseEntry[];
  #state = "running";
  #more: Record<string, unknown> = {};
  readonly #warnings: string[];
  readonly #summaries: Map<PhaseName, PhaseSummary>;

  constructor(
    env: Env,
    { folder, fixed, phases, done, earlier }: {
      folder: RunFolder;
      /** Keys that do not change: id, versions. */
      fixed: Record<string, unknown>;
      /** All enabled phases, in order. */
      phases: readonly PhaseName[];
      done: ReadonlyMap<PhaseName, PhaseSummary>;
      /** `run.json` of an earlier life. */
      earlier: Record<string, unknown> | undefined;
    },
  ) {
    this.#env = env;
    this.#folder = folder;
    this.#fixed = fixed;
    this.#earlier = earlier ?? {};
    this.#summaries = new Map(done);
    this.#warnings = Array.isArray(earlier?.warnings)
      ? earlier.warnings.map(String)
      : [];
    const known = Array.isArray(earlier?.phases) ? earlier.phases : [];
    this.#phases = phases.map((name) => {
      const before = known.find((entry) => Object(entry).name === name);
      return done.has(name)
        ? { ...before, name, state: "done" }
        : { name, state: "waiting" };
    });
  }

  /** Final figures of the finished phases. */
  get summaries(): ReadonlyMap<PhaseName, PhaseSummary> {
    return this.#summaries;
  }

  /** A rank has come. */
  get met(): boolean {
    return this.#ranks.length > 0;
  }

  /** The run has gone on without a rank. */
  get lossy(): boolean {
    return this.#ranks.some((entry) => entry?.lost !== undefined);
  }

  /** Writes what the journal says is done: a crash may have come before that was. */
  async begin(): Promise<void> {
    if (this.#summaries.size === 0) return;
    await this.#writeSummary();
    if (this.#phases.some(({ state }) => state !== "done")) return;
    if (this.#earlier.state === "done") return;
    await this.#folder.writeJson("run.json", {
      ...this.#fixed,
      ranks: [],
      ...this.#earlier,
      state: "done",
      phases: this.#phases,
      ended: new Date(this.#env.clock.wall()).toISOString(),
      exit_code: 0,
    });
  }

  /** Takes a decision in and writes what it changes. */
  async take(record: JournalRecord): Promise<void> {
    const now = new Date(this.#env.clock.wall()).toISOString();
    switch (record.event) {
      case "joined": {
        const { rank, host, pid } = record;
        this.#ranks[rank] = { rank, host, pid };
        return;
      }
      case "ready": {
        const entry = this.#ranks[record.rank];
        if (entry === undefined) return;
        entry.adapter = record.adapter.name;
        entry.form = record.form;
        entry.share = record.share;
        return;
      }
      case "rank_lost": {
        const entry = this.#ranks[record.failure.rank!];
        if (entry !== undefined) entry.lost = record.failure.cause;
        break;
      }
      case "awaited":
        delete this.#ranks[record.failure.rank!];
        return;
      case "wire": {
        const entry = this.#ranks[record.rank];
        if (entry !== undefined) entry.wire = record.counts;
        return;
      }
      case "warning":
        if (this.#warnings.includes(record.message)) return;
        this.#warnings.push(record.message);
        break;
      case "phase_started":
        this.#setPhase(record.phase, { state: "running", started: now });
        break;
      case "phase_done":
        this.#setPhase(record.phase, { state: "done", ended: now });
        this.#summaries.set(record.phase, record.summary);
        this.#order();
        await this.#writeSummary();
        break;
      case "phase_stopped":
        this.#setPhase(record.phase, { state: "stopped", ended: now });
        break;
      case "failed": {
        const { stack: _, ...failure } = record.failure;
        this.#more = { ...this.#more, failure };
        for (const phase of this.#phases) {
          if (phase.state === "running") {
            this.#setPhase(phase.name, { state: "failed", ended: now });
          }
        }
        break;
      }
      case "finished":
        this.#state = record.code === 0
          ? "done"
          : record.code === 75 || record.code === 130
          ? "stopped"
          : "failed";
        this.#more = { ...this.#more, ended: now, exit_code: record.code };
        break;
      default:
        return;
    }
    await this.#write();
  }

  /** Phases that ran at the same time end in any order. */
  #order(): void {
    const entries = this.#phases.flatMap(({ name }) => {
      const summary = this.#summaries.get(name);
      return summary === undefined ? [] : [[name, summary] as const];
    });
    this.#summaries.clear();
    for (const [name, summary] of entries) this.#summaries.set(name, summary);
  }

  #setPhase(name: PhaseName, change: Partial<PhaseEntry>): void {
    this.#phases = this.#phases.map((phase) =>
      phase.name === name ? { ...phase, ...change } : phase
    );
  }

  async #write(): Promise<void> {
    await this.#folder.writeJson("run.json", {
      ...this.#fixed,
      state: this.#state,
      ranks: this.#ranks.filter((entry) => entry !== undefined),
      phases: this.#phases,
      ...(this.#warnings.length > 0 ? { warnings: this.#warnings } : {}),
      ...this.#more,
    });
  }

  async #writeSummary(): Promise<void> {
    const phases = Object.fromEntries(this.#summaries);
    const baseline = this.#summaries.get("baseline")?.test_accuracy;
    const { phase, reason } = decideShipped(phases);
    await this.#folder.writeJson("summary.json", {
      phases,
      ...(baseline === undefined
        ? {}
        : { baseline: { test_accuracy: baseline } }),
      shipped: { phase: phase ?? null, reason },
    });
    if (phase === undefined) return;
    for (const table of ["confusion", "predictions"]) {
      const text = await this.#folder.readText(`${table}_${phase}.csv`);
      if (text !== undefined) {
        await this.#folder.writeText(`${table}.csv`, text);
      }
    }
  }
}
