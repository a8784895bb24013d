import type { ClusterEvent } from "../../cluster/coordinator/mod.ts";
import type { Command, Regroup, Report } from "../../cluster/protocol.ts";
import { VirtualRank } from "./virtual_rank.ts";
import type { VirtualWire } from "./virtual_wire.ts";

const RETRY_MS = 1000;
/** A rank gives up a collective after this long. */
const COLLECTIVE_MS = 60_000;

export interface CrewOptions {
  size: number;
  /** Steps of each phase, and ms of each step. */
  steps: number;
  stepMs: number;
  /** Of those who meet, as the coordinator counts it. */
  generation: () => number;
  /** Something has come to the coordinator. */
  submit: (event: Unclocked<ClusterEvent>) => void;
}

/** What the ranks do and what they tell: the real protocol, without any training. */
export class VirtualCrew {
  readonly ranks: readonly VirtualRank[];
  readonly #wire: VirtualWire;
  readonly #options: CrewOptions;

  constructor(wire: VirtualWire, options: CrewOptions) {
    this.#wire = wire;
    this.#options = options;
    this.ranks = Array.from(
      { length: options.size },
      (_, rank) => new VirtualRank(rank),
    );
  }

  /** As long as the rank lives; a frozen one does nothing. */
  every(ms: number, rank: VirtualRank, action: () => void): void {
    const turn = () => {
      if (rank.dead) return;
      if (!rank.frozen) action();
      this.#wire.after(ms, turn);
    };
    this.#wire.after(ms * this.#wire.next(), turn);
  }

  beat(rank: VirtualRank): void {
    const heartbeat = rank.beat();
    this.#wire.send(`beat ${rank.rank}`, () => {
      this.#options.submit({ kind: "heartbeat", heartbeat });
    });
  }

  /** A request that is repeated until an answer comes back. */
  #report(rank: VirtualRank, report: Told, then: () => void): void {
    let answered = false;
    const ask = () => {
      if (rank.dead || answered) return;
      if (!rank.frozen) {
        this.#wire.send(`report ${rank.rank}`, () => {
          this.#options.submit(eventOf(report));
          this.#wire.send(`answer ${rank.rank}`, () => {
            if (rank.dead || answered) return;
            answered = true;
            then();
          });
        });
      }
      this.#wire.after(RETRY_MS, ask);
    };
    ask();
  }

  hello(rank: VirtualRank): void {
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
    this.#report(rank, hello, () => {});
  }

  #open(rank: VirtualRank): void {
    this.#work(rank, 1000 + this.#wire.next() * 5000, () => {
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
  }

  /** The rank is busy for `ms`, unless something happens to it. */
  #work(rank: VirtualRank, ms: number, then: () => void): void {
    const work = ++rank.work;
    const attempt = () => {
      if (rank.dead || rank.hung || rank.work !== work) return;
      if (rank.frozen) this.#wire.after(100, attempt);
      else then();
    };
    this.#wire.after(ms, attempt);
  }

  command(rank: VirtualRank, { sequence, order }: Command): void {
    if (rank.dead) return;
    if (rank.frozen) {
      this.#wire.after(500, () => this.command(rank, { sequence, order }));
      return;
    }
    // A rank that hangs cannot act on it: SIGKILL must.
    if (order.kind === "abort") {
      return rank.hung ? undefined : this.exit(rank, 1);
    }
    if (sequence !== rank.seen + 1) return;
    rank.seen = sequence;
    switch (order.kind) {
      case "meet":
        return this.#open(rank);
      case "phase": {
        const begin = () => {
          rank.phase = order.phase;
          rank.phaseCommand = sequence;
          rank.step = this.#newest(rank);
          rank.activity = "compiling";
          rank.ticks++;
          this.#work(
            rank,
            2000 + this.#wire.next() * 8000,
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
        return this.#work(rank, 50, () => this.exit(rank, 0));
    }
  }

  /** Reaches the collective of its step; the last rank frees all. */
  #enter(rank: VirtualRank): void {
    rank.entered++;
    rank.ticks++;
    const wait = rank.entered;
    const { generation, members } = rank;
    const waiting = members.map((member) => this.ranks[member]!).filter(
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
          this.#options.stepMs * (0.5 + this.#wire.next()),
          () => this.#stepped(each, stop),
        );
      }
      return;
    }
    this.#wire.after(COLLECTIVE_MS, () => {
      if (rank.dead || rank.frozen || rank.finished >= wait) return;
      if (rank.generation !== generation) return;
      this.fail(rank, true);
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
    this.#work(rank, 500 + this.#wire.next() * 2000, () => {
      rank.arrived = true;
      this.#wire.after(COLLECTIVE_MS, () => {
        if (rank.dead || rank.frozen || rank.hung || !rank.regroups) return;
        if (rank.generation === generation) this.fail(rank, true);
      });
      const all = members.map((member) => this.ranks[member]!);
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
          1000 + this.#wire.next() * 4000,
          () => this.#goOn(other),
        );
      }
    });
  }

  /** Steps of the rank's phase that a checkpoint of the others holds. */
  #newest({ rank, members, phase }: VirtualRank): number {
    const others = members.map((member) => this.ranks[member]!)
      .filter((other) => other.rank !== rank && other.phase === phase);
    // One that begins has nothing, but for what was saved when ranks met.
    return this.#options.generation() === 1
      ? 0
      : Math.max(0, ...others.map(({ step }) => step));
  }

  fail(rank: VirtualRank, secondary: boolean): void {
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
      this.#wire.after(secondary ? 20_000 : 0, () => {
        if (rank.generation === generation) this.exit(rank, 1);
      });
    });
  }

  /** Who has not come to where the rank waits. */
  #missing({ members, regroups, entered }: VirtualRank): number[] {
    return members.filter((member) => {
      const other = this.ranks[member]!;
      return regroups ? !other.arrived : other.entered < entered;
    });
  }

  exit(rank: VirtualRank, code: number, signal: string | null = null): void {
    if (rank.dead) return;
    rank.dead = true;
    rank.work++;
    // The launcher sees the end of its own child, reliably.
    this.#wire.after(1 + this.#wire.next() * 20, () => {
      this.#options.submit({ kind: "exited", rank: rank.rank, code, signal });
    });
  }

  /** The server reports the end of the connection at once; a beat may come later. */
  disconnect({ rank, connection }: VirtualRank): void {
    this.#wire.after(1 + this.#wire.next() * 5, () => {
      this.#options.submit({
        kind: "disconnected",
        rank,
        connection: `${connection}`,
      });
    });
  }
}

/** A warning asks for no decision. */
type Told = Exclude<Report, { kind: "warning" }>;

export type Unclocked<T> = T extends unknown ? Omit<T, "at"> : never;

function eventOf(report: Told): Unclocked<ClusterEvent> {
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
