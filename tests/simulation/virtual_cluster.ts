import {
  type Action,
  advance,
  type ClusterEvent,
  type Failure,
  initialState,
  type JournalRecord,
  type Limits,
  type SplitState,
  type State,
} from "../../cluster/coordinator/mod.ts";
import type { PhaseName } from "../../src/phases/engine.ts";
import { type Unclocked, VirtualCrew } from "./virtual_crew.ts";
import { VirtualWire } from "./virtual_wire.ts";

/** What goes wrong, and when (in ms of virtual time). */
export type Fault =
  | { kind: "kill" | "freeze" | "hang" | "error"; rank: number; at: number }
  | { kind: "nap"; rank: number; at: number; ms: number }
  /** Of a machine whose processes nobody watches, it dies just after a beat. */
  | { kind: "vanish"; rank: number; at: number }
  /** It loses its connection, and has another one after `ms`. */
  | { kind: "reset"; rank: number; at: number; ms: number }
  | { kind: "pause"; at: number; ms: number }
  | { kind: "stop"; at: number; code: 75 | 130; again?: number }
  | { kind: "crash"; at: number };

export interface ClusterOptions {
  seed: number;
  size: number;
  phases: readonly PhaseName[];
  /** Steps of each phase, and ms of each step. */
  steps: number;
  stepMs: number;
  /** Chance that a message is lost, or arrives twice. */
  loss: number;
  faults: readonly Fault[];
  limits?: Partial<Limits>;
  onRankLoss?: State["onRankLoss"];
  split?: SplitState;
}

/** What was seen from outside. */
export interface ClusterEnd {
  /** `undefined` when the coordinator crashed or the time ran out. */
  code: number | undefined;
  failure: Failure | undefined;
  journal: JournalRecord[];
  /** All that the core decided, with the virtual time. */
  actions: { at: number; action: Action }[];
  /** Virtual ms until the end. */
  time: number;
  /** Ranks that still live. */
  alive: number[];
  state: State;
  timedOut: boolean;
}

/** Longest virtual life of a cluster: more means that something waits for ever. */
const MAX_TIME = 3_600_000;
const TICK_MS = 500;
const BEAT_MS = 1000;

/** The real core among virtual ranks, wire and clock. */
export class VirtualCluster {
  readonly #options: ClusterOptions;
  readonly #wire: VirtualWire;
  readonly #crew: VirtualCrew;
  readonly #journal: JournalRecord[] = [];
  readonly #actions: { at: number; action: Action }[] = [];
  #state: State;
  #pausedUntil = 0;
  #crashed = false;
  #code: number | undefined;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#wire = new VirtualWire(options.seed, options.loss);
    this.#crew = new VirtualCrew(this.#wire, {
      ...options,
      generation: () => this.#state.generation,
      submit: (event) => this.#submit(event),
    });
    this.#state = initialState({
      at: 0,
      size: options.size,
      phases: options.phases,
      version: "v",
      config: "c",
      onRankLoss: options.onRankLoss ?? "stop",
      ...(options.split === undefined ? {} : { split: options.split }),
      ...(options.limits === undefined ? {} : { limits: options.limits }),
    });
  }

  run(): ClusterEnd {
    const crew = this.#crew;
    const everyone = crew.ranks.map(({ rank }) => rank);
    for (const rank of crew.ranks) {
      rank.members = everyone;
      this.#wire.after(
        200 + this.#wire.next() * 2000,
        () => crew.hello(rank),
      );
      crew.every(BEAT_MS, rank, () => {
        if (rank.activity !== "leaving") crew.beat(rank);
      });
    }
    this.#tick();
    for (const fault of this.#options.faults) {
      this.#wire.after(fault.at, () => this.#strike(fault));
    }
    while (this.#code === undefined && !this.#crashed) {
      if (!this.#wire.advance(MAX_TIME)) break;
    }
    return {
      code: this.#code,
      failure: this.#state.failure,
      journal: this.#journal,
      actions: this.#actions,
      time: this.#wire.time,
      alive: crew.ranks.filter(({ dead }) => !dead).map(({ rank }) => rank),
      state: this.#state,
      timedOut: this.#code === undefined && !this.#crashed,
    };
  }

  #tick(): void {
    this.#submit({ kind: "tick" });
    this.#wire.after(TICK_MS, () => this.#tick());
  }

  #strike(fault: Fault): void {
    switch (fault.kind) {
      case "pause":
        this.#pausedUntil = this.#wire.time + fault.ms;
        return;
      case "crash":
        this.#crashed = true;
        return;
      case "stop": {
        const request = { code: fault.code, cause: "signal" };
        this.#submit({ kind: "stop", request });
        if (fault.again === undefined) return;
        this.#wire.after(fault.again, () => {
          this.#submit({ kind: "stop", request });
        });
        return;
      }
    }
    const rank = this.#crew.ranks[fault.rank]!;
    if (rank.dead) return;
    switch (fault.kind) {
      case "kill":
        return this.#crew.exit(rank, 137, "SIGKILL");
      case "freeze":
        rank.frozen = true;
        return;
      case "nap":
        rank.frozen = true;
        this.#wire.after(fault.ms, () => {
          rank.frozen = false;
          this.#crew.beat(rank);
        });
        return;
      case "hang":
        rank.hung = true;
        return;
      case "vanish":
        this.#crew.beat(rank);
        rank.dead = true;
        return this.#crew.disconnect(rank);
      case "reset":
        this.#crew.beat(rank);
        this.#crew.disconnect(rank);
        return this.#wire.after(fault.ms, () => {
          rank.connection++;
          if (!rank.dead) this.#crew.beat(rank);
        });
      case "error":
        return this.#crew.fail(rank, false);
    }
  }

  /** The core decides; while this process is paused, later. */
  #submit(event: Unclocked<ClusterEvent>): void {
    if (this.#wire.time < this.#pausedUntil) {
      this.#wire.after(
        this.#pausedUntil - this.#wire.time,
        () => this.#submit(event),
      );
      return;
    }
    if (this.#code !== undefined || this.#crashed) return;
    const [state, actions] = advance(this.#state, {
      ...event,
      at: this.#wire.time,
    });
    this.#state = state;
    for (const action of actions) this.#perform(action);
  }

  #perform(action: Action): void {
    this.#actions.push({ at: this.#wire.time, action });
    switch (action.do) {
      case "journal":
        this.#journal.push(action.record);
        return;
      case "send": {
        const rank = this.#crew.ranks[action.rank]!;
        this.#wire.send(`command ${action.rank}`, () => {
          this.#crew.command(rank, action.command);
        });
        return;
      }
      case "kill": {
        const rank = this.#crew.ranks[action.rank]!;
        rank.frozen = false;
        this.#crew.exit(rank, 137, "SIGKILL");
        return;
      }
      case "finish":
        this.#code = action.code;
    }
  }
}
