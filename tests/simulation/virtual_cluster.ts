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
import type { Command, Regroup, Report } from "../../cluster/protocol.ts";
import type { PhaseName } from "../../src/phases/engine.ts";
import { uniform } from "../helpers/mod.ts";
import { Agenda } from "./agenda.ts";
import { VirtualRank } from "./virtual_rank.ts";

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
const RETRY_MS = 1000;
/** A rank gives up a collective after this long. */
const COLLECTIVE_MS = 60_000;

/** The real core among virtual ranks, wire and clock. */
export class VirtualCluster {
  readonly #options: ClusterOptions;
  readonly #next: () => number;
  readonly #ranks: VirtualRank[];
  readonly #agenda = new Agenda();
  readonly #journal: JournalRecord[] = [];
  readonly #actions: { at: number; action: Action }[] = [];
  readonly #lost = new Map<string, number>();
  #state: State;
  #time = 0;
  #pausedUntil = 0;
  #crashed = false;
  #code: number | undefined;

  constructor(options: ClusterOptions) {
    this.#options = options;
    this.#next = uniform(options.seed);
    this.#ranks = Array.from(
      { length: options.size },
      (_, rank) => new VirtualRank(rank),
    );
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
    const everyone = this.#ranks.map(({ rank }) => rank);
    for (const rank of this.#ranks) {
      rank.members = everyone;
      this.#after(200 + this.#next() * 2000, () => this.#hello(rank));
      this.#every(BEAT_MS, rank, () => {
        if (rank.activity !== "leaving") this.#beat(rank);
      });
    }
    this.#tick();
    for (const fault of this.#options.faults) {
      this.#after(fault.at, () => this.#strike(fault));
    }
    while (this.#code === undefined && !this.#crashed) {
      const entry = this.#agenda.pop();
      if (entry === undefined || entry.time > MAX_TIME) break;
      this.#time = entry.time;
      entry.action();
    }
    return {
      code: this.#code,
      failure: this.#state.failure,
      journal: this.#journal,
      actions: this.#actions,
      time: this.#time,
      alive: this.#ranks.filter(({ dead }) => !dead).map(({ rank }) => rank),
      state: this.#state,
      timedOut: this.#code === undefined && !this.#crashed,
    };
  }

  #after(ms: number, action: () => void): void {
    this.#agenda.push(this.#time + ms, action);
  }

  /** As long as the rank lives; a frozen one does nothing. */
  #every(ms: number, rank: VirtualRank, action: () => void): void {
    const turn = () => {
      if (rank.dead) return;
      if (!rank.frozen) action();
      this.#after(ms, turn);
    };
    this.#after(ms * this.#next(), turn);
  }

  #tick(): void {
    this.#submit({ kind: "tick" });
    this.#after(TICK_MS, () => this.#tick());
  }

  #beat(rank: VirtualRank): void {
    const heartbeat = rank.beat();
    this.#send(`beat ${rank.rank}`, () => {
      this.#submit({ kind: "heartbeat", heartbeat });
    });
  }

  /** Delivers after a while, perhaps twice, perhaps not; never thrice lost in a row. */
  #send(channel: string, deliver: () => void): void {
    const { loss } = this.#options;
    const lost = this.#lost.get(channel) ?? 0;
    if (lost < 3 && this.#next() < loss) {
      this.#lost.set(channel, lost + 1);
      return;
    }
    this.#lost.set(channel, 0);
    this.#after(1 + this.#next() * 50, deliver);
    if (this.#next() < loss) this.#after(1 + this.#next() * 3000, deliver);
  }

  /** A request that is repeated until an answer comes back. */
  #report(rank: VirtualRank, report: Report, then: () => void): void {
    let answered = false;
    const ask = () => {
      if (rank.dead || answered) return;
      if (!rank.frozen) {
        this.#send(`report ${rank.rank}`, () => {
          this.#submit(eventOf(report));
          this.#send(`answer ${rank.rank}`, () => {
            if (rank.dead || answered) return;
            answered = true;
            then();
          });
        });
      }
      this.#after(RETRY_MS, ask);
    };
    ask();
  }

  #hello(rank: VirtualRank): void {
    if (rank.dead) return;
    const hello = {
      kind: "hello" as const,
      rank: rank.rank,
      host: "h",
      pid: rank.rank + 1,
      version: "v",
      config: "c",
      deno: "2",
      gpu: {
        kind: "cpu" as const,
        uuid: "00000000-0000-0000-0000-000000000001",
        vendor: 1,
        device: 1,
        driver: "00000000-0000-0000-0000-000000000002",
      },
    };
    this.#report(rank, hello, () => {
      this.#work(rank, 1000 + this.#next() * 5000, () => {
        const ready = {
          kind: "ready" as const,
          rank: rank.rank,
          adapter: { name: "gpu", vendor: 1, device: 1, cpu: false },
          form: "tiled" as const,
          data: "d",
          share: 1,
        };
        this.#report(rank, ready, () => {
          if (rank.phase === undefined) rank.activity = "idle";
        });
      });
    });
  }

  /** The rank is busy for `ms`, unless something happens to it. */
  #work(rank: VirtualRank, ms: number, then: () => void): void {
    const work = ++rank.work;
    const attempt = () => {
      if (rank.dead || rank.hung || rank.work !== work) return;
      if (rank.frozen) this.#after(100, attempt);
      else then();
    };
    this.#after(ms, attempt);
  }

  #command(rank: VirtualRank, { sequence, order }: Command): void {
    if (rank.dead) return;
    if (rank.frozen) {
      this.#after(500, () => this.#command(rank, { sequence, order }));
      return;
    }
    // A rank that hangs cannot act on it: SIGKILL must.
    if (order.kind === "abort") {
      return rank.hung ? undefined : this.#exit(rank, 1);
    }
    if (sequence !== rank.seen + 1) return;
    rank.seen = sequence;
    switch (order.kind) {
      case "phase": {
        const begin = () => {
          rank.phase = order.phase;
          rank.phaseCommand = sequence;
          rank.step = this.#newest(rank);
          rank.activity = "compiling";
          rank.ticks++;
          this.#work(
            rank,
            2000 + this.#next() * 8000,
            () => this.#goOn(rank),
          );
        };
        if (rank.regroups) rank.afterwards = begin;
        else begin();
        return;
      }
      case "stop":
        rank.stop = true;
        return;
      case "regroup":
        return this.#regroup(rank, order);
      case "leave":
        // A rank in the middle of a phase has no ear for it.
        if (rank.activity !== "idle" && rank.activity !== "opening") return;
        rank.activity = "leaving";
        return this.#work(rank, 50, () => this.#exit(rank, 0));
    }
  }

  /** Reaches the collective of its step; the last rank frees all. */
  #enter(rank: VirtualRank): void {
    rank.entered++;
    rank.ticks++;
    const wait = rank.entered;
    const { generation, members } = rank;
    const waiting = members.map((member) => this.#ranks[member]!).filter(
      (other) =>
        other.entered === wait && other.finished === wait - 1 &&
        other.generation === generation,
    );
    if (waiting.length === members.length) {
      // The stop flag travels with the sums.
      const stop = waiting.some((each) => each.stop);
      for (const each of waiting) {
        each.finished++;
        this.#work(
          each,
          this.#options.stepMs * (0.5 + this.#next()),
          () => this.#stepped(each, stop),
        );
      }
      return;
    }
    this.#after(COLLECTIVE_MS, () => {
      if (rank.dead || rank.frozen || rank.finished >= wait) return;
      if (rank.generation !== generation) return;
      this.#fail(rank, true);
    });
  }

  #stepped(rank: VirtualRank, stop: boolean): void {
    rank.step++;
    rank.ticks++;
    rank.activity = "training";
    const done = rank.step === this.#options.steps;
    if (!done && !stop) return this.#enter(rank);
    this.#deliver(rank, done);
  }

  /** Enters the next step, unless a checkpoint held the end of the phase. */
  #goOn(rank: VirtualRank): void {
    if (rank.step === this.#options.steps) this.#deliver(rank, true);
    else this.#enter(rank);
  }

  #deliver(rank: VirtualRank, done: boolean): void {
    rank.activity = "idle";
    this.#report(rank, {
      kind: "outcome",
      rank: rank.rank,
      command: rank.phaseCommand,
      phase: rank.phase!,
      generation: rank.generation,
      outcome: done
        ? { state: "done", summary: { steps: rank.step } }
        : { state: "stopped", checkpoint: `${rank.phase}-${rank.step}` },
    }, () => {});
  }

  /**
   * What the rank was doing is over. Those who are left meet: they go on after
   * the newest step that one of them has finished, and who is done says so.
   */
  #regroup(rank: VirtualRank, { generation, members }: Regroup): void {
    rank.generation = generation;
    rank.members = members;
    rank.entered = rank.finished = 0;
    rank.ticks++;
    const idle = rank.activity === "idle" || rank.activity === "opening";
    if (!idle) rank.activity = "compiling";
    rank.regroups = true;
    rank.arrived = false;
    this.#work(rank, 500 + this.#next() * 2000, () => {
      rank.arrived = true;
      this.#after(COLLECTIVE_MS, () => {
        if (rank.dead || rank.frozen || rank.hung || !rank.regroups) return;
        if (rank.generation === generation) this.#fail(rank, true);
      });
      const all = members.map((member) => this.#ranks[member]!);
      if (
        all.some((other) => other.generation !== generation || !other.arrived)
      ) return;
      for (const other of all) {
        const { afterwards } = other;
        other.regroups = false;
        other.afterwards = undefined;
        if (afterwards) afterwards();
        if (afterwards || other.activity !== "compiling") continue;
        other.step = Math.max(other.step, this.#newest(other));
        this.#work(
          other,
          1000 + this.#next() * 4000,
          () => this.#goOn(other),
        );
      }
    });
  }

  /** Steps of the rank's phase that a checkpoint of the others holds. */
  #newest({ rank, members, phase }: VirtualRank): number {
    const others = members.map((member) => this.#ranks[member]!)
      .filter((other) => other.rank !== rank && other.phase === phase);
    // One that begins has nothing, but for what was saved when ranks met.
    return this.#state.generation === 1
      ? 0
      : Math.max(0, ...others.map(({ step }) => step));
  }

  #fail(rank: VirtualRank, secondary: boolean): void {
    rank.work++;
    const { generation } = rank;
    const failed = {
      kind: "failed" as const,
      rank: rank.rank,
      step: rank.step,
      message: secondary ? "collective timed out" : "device lost",
      exitCode: 1,
      secondary,
      generation,
      ...(secondary ? { suspects: this.#missing(rank) } : {}),
    };
    this.#report(rank, failed, () => {
      this.#after(secondary ? 20_000 : 0, () => {
        if (rank.generation === generation) this.#exit(rank, 1);
      });
    });
  }

  /** Who has not come to where the rank waits. */
  #missing({ members, regroups, entered }: VirtualRank): number[] {
    return members.filter((member) => {
      const other = this.#ranks[member]!;
      return regroups ? !other.arrived : other.entered < entered;
    });
  }

  #exit(rank: VirtualRank, code: number, signal: string | null = null): void {
    if (rank.dead) return;
    rank.dead = true;
    rank.work++;
    // The launcher sees the end of its own child, reliably.
    this.#after(1 + this.#next() * 20, () => {
      this.#submit({ kind: "exited", rank: rank.rank, code, signal });
    });
  }

  /** The server reports the end of the connection at once; a beat may come later. */
  #disconnect({ rank, connection }: VirtualRank): void {
    this.#after(1 + this.#next() * 5, () => {
      this.#submit({
        kind: "disconnected",
        rank,
        connection: `${connection}`,
      });
    });
  }

  #strike(fault: Fault): void {
    switch (fault.kind) {
      case "pause":
        this.#pausedUntil = this.#time + fault.ms;
        return;
      case "crash":
        this.#crashed = true;
        return;
      case "stop": {
        const request = { code: fault.code, cause: "signal" };
        this.#submit({ kind: "stop", request });
        if (fault.again === undefined) return;
        this.#after(fault.again, () => {
          this.#submit({ kind: "stop", request });
        });
        return;
      }
    }
    const rank = this.#ranks[fault.rank]!;
    if (rank.dead) return;
    switch (fault.kind) {
      case "kill":
        return this.#exit(rank, 137, "SIGKILL");
      case "freeze":
        rank.frozen = true;
        return;
      case "nap":
        rank.frozen = true;
        this.#after(fault.ms, () => {
          rank.frozen = false;
          this.#beat(rank);
        });
        return;
      case "hang":
        rank.hung = true;
        return;
      case "vanish":
        this.#beat(rank);
        rank.dead = true;
        return this.#disconnect(rank);
      case "reset":
        this.#beat(rank);
        this.#disconnect(rank);
        return this.#after(fault.ms, () => {
          rank.connection++;
          if (!rank.dead) this.#beat(rank);
        });
      case "error":
        return this.#fail(rank, false);
    }
  }

  /** The core decides; while this process is paused, later. */
  #submit(event: Unclocked<ClusterEvent>): void {
    if (this.#time < this.#pausedUntil) {
      this.#after(this.#pausedUntil - this.#time, () => this.#submit(event));
      return;
    }
    if (this.#code !== undefined || this.#crashed) return;
    const [state, actions] = advance(this.#state, {
      ...event,
      at: this.#time,
    });
    this.#state = state;
    for (const action of actions) this.#perform(action);
  }

  #perform(action: Action): void {
    this.#actions.push({ at: this.#time, action });
    switch (action.do) {
      case "journal":
        this.#journal.push(action.record);
        return;
      case "send": {
        const rank = this.#ranks[action.rank]!;
        this.#send(`command ${action.rank}`, () => {
          this.#command(rank, action.command);
        });
        return;
      }
      case "kill": {
        const rank = this.#ranks[action.rank]!;
        rank.frozen = false;
        this.#exit(rank, 137, "SIGKILL");
        return;
      }
      case "finish":
        this.#code = action.code;
    }
  }
}

type Unclocked<T> = T extends unknown ? Omit<T, "at"> : never;

function eventOf(report: Report): Unclocked<ClusterEvent> {
  switch (report.kind) {
    case "hello":
      return { kind: "hello", hello: report };
    case "ready":
      return { kind: "ready", ready: report };
    case "outcome":
      return { kind: "outcome", outcome: report };
    case "failed":
      return { kind: "failed", failed: report };
    case "lease":
      return { kind: "lease", request: report };
    case "stop":
      return { kind: "stop", request: { code: 75, cause: report.signal } };
    case "present":
      return report;
  }
}
