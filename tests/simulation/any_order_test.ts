import { ok, strictEqual } from "node:assert";
import {
  type Action,
  advance,
  type ClusterEvent,
  initialState,
  type State,
} from "../../cluster/coordinator/mod.ts";
import { uniform } from "../helpers/mod.ts";
import { hello, ready, type Unclocked } from "../unit/coordinator_events.ts";

const SEEDS = 2000;
type Told = Unclocked<ClusterEvent>;

/** Kinds of events that must be answered. */
const ASKING = ["hello", "ready", "outcome", "failed", "lease", "present"];

/** The core alone, to which anything is said by anybody at any time. */
class Babel {
  state: State;
  readonly #next: () => number;
  #at = 0;
  #finished = 0;

  constructor(seed: number) {
    this.#next = uniform(seed);
    const divided = this.#chance(0.4);
    const work = { images: 3, steps: 3, cost: 1 };
    this.state = initialState({
      at: 0,
      size: 1 + this.#pick(4),
      phases: divided
        ? ["classify", "selfTrain", "baseline"]
        : ["teacher", "distill"],
      version: "v1",
      config: "c1",
      onRankLoss: this.#chance(0.6) ? "continue" : "stop",
      waits: this.#chance(0.3),
      ...(divided
        ? {
          split: {
            wish: "always",
            work: new Map([["selfTrain", work], ["baseline", work]]),
            summaries: new Map(),
          },
        }
        : {}),
    });
  }

  #pick(count: number): number {
    return Math.floor(this.#next() * count);
  }

  #chance(share: number): boolean {
    return this.#next() < share;
  }

  say(event: Told, ms = this.#pick(this.#chance(0.25) ? 1500 : 100)): void {
    this.#at += ms;
    const { stage } = this.state;
    const [state, actions] = advance(this.state, { ...event, at: this.#at });
    this.state = state;
    this.#finished += actions.filter((one) => one.do === "finish").length;
    ok(
      !ASKING.includes(event.kind) ||
        actions.some((one) => one.do === "answer"),
      `${event.kind} is answered`,
    );
    if (stage === "over") ok(!actions.some(decides), "nothing after the end");
    const members = state.teams.flatMap(({ members }) => members);
    strictEqual(new Set(members).size, members.length, "in one team each");
    ok(members.every((rank) => !state.ranks[rank]!.lost), "none is lost");
    if (state.stage === "running") ok(state.teams.length > 0, "for something");
  }

  join(): void {
    for (const rank of this.state.ranks.keys()) this.say(hello(rank));
    for (const rank of this.state.ranks.keys()) this.say(ready(rank, "tiled"));
  }

  /** One of all that can be said, likely or not. */
  anything(): Told {
    const { ranks, teams, phases } = this.state;
    const rank = this.#pick(ranks.length);
    const { generation, phaseCommand, sequence } = ranks[rank]!;
    const team = teams.find(({ members }) => members.includes(rank));
    const phase = team?.phase ?? phases[0] ?? "teacher";
    const earlier = this.#chance(0.8) ? generation : 1 + this.#pick(generation);
    const about = { rank, generation: earlier };
    const connection = String(this.#pick(3));
    const signal = this.#chance(0.3) ? "SIGKILL" : null;
    const kinds: (() => Told)[] = [
      () => hello(rank, this.#chance(0.3) ? { pid: 99 } : {}),
      () => ready(rank, "tiled"),
      () => ({
        kind: "failed",
        failed: {
          kind: "failed",
          ...about,
          step: 1,
          message: "m",
          exitCode: 1,
          secondary: this.#chance(0.8),
          ...(this.#chance(0.7)
            ? { suspects: [this.#pick(ranks.length)] }
            : {}),
        },
      }),
      () => {
        const asked = { work: 1 + this.#pick(3), ask: 1 + this.#pick(5) };
        const request = { ...about, ...asked, parts: 20, most: 3 };
        return { kind: "lease", request: { kind: "lease", ...request } };
      },
      () => {
        const counts = { step: this.#pick(9), ticks: this.#pick(99) };
        const calls = { entered: this.#pick(9), finished: this.#pick(9) };
        const seen = this.#chance(0.8) ? sequence : this.#pick(sequence + 1);
        const activity = "training" as const;
        const beat = { rank, seen, activity, phase, connection };
        const heartbeat = { ...beat, ...counts, ...calls };
        return { kind: "heartbeat", heartbeat };
      },
      () => ({ kind: "exited", rank, code: this.#pick(4), signal }),
      () => ({ kind: "disconnected", rank, connection }),
      () => ({ kind: "vanished", rank }),
      () => ({ kind: "present", rank }),
      () => ({ kind: "tick" }),
      () =>
        this.#chance(0.7) ? { kind: "tick" } : {
          kind: "stop",
          request: { code: 75, cause: "s" },
        },
    ];
    const command = this.#chance(0.85) ? phaseCommand : this.#pick(6);
    const done = { state: "done" as const, summary: {} };
    const stopped = { state: "stopped" as const, checkpoint: "x" };
    const outcome = this.#chance(0.85) ? done : stopped;
    const told = {
      kind: "outcome" as const,
      ...about,
      command,
      phase,
      outcome,
    };
    return this.#chance(0.3)
      ? { kind: "outcome", outcome: told }
      : kinds[this.#pick(kinds.length)]!();
  }

  /** Whatever has been said, the run can be ended. */
  end(): void {
    for (let second = 0; second < 60; second++) {
      this.say({ kind: "tick" }, 1000);
    }
    const request = { code: 130 as const, cause: "SIGINT" };
    for (let i = 0; i < 3; i++) this.say({ kind: "stop", request }, 1000);
    for (let second = 0; second < 10; second++) {
      this.say({ kind: "tick" }, 1000);
    }
    strictEqual(this.state.stage, "over");
    strictEqual(this.#finished, 1);
  }
}

/** All but to note who has left. */
function decides(action: Action): boolean {
  return action.do === "finish" ||
    action.do === "journal" && action.record.event !== "left";
}

Deno.test("advance() comes to one end, and knows what to say until then, whatever is said in whatever order", () => {
  for (let seed = 1; seed <= SEEDS; seed++) {
    const babel = new Babel(seed);
    try {
      // Most come in order at first.
      if (seed % 3 > 0) babel.join();
      for (let i = 0; i < 80; i++) babel.say(babel.anything());
      babel.end();
    } catch (error) {
      (error as Error).message = `seed ${seed}: ${(error as Error).message}`;
      throw error;
    }
  }
});
