import type { PhaseName, PhaseSummary } from "../../src/phases/engine.ts";
import type { PhaseWork } from "../../src/phases/mod.ts";
import type { Straggler } from "../../src/run/mod.ts";
import type {
  Answer,
  Command,
  Failed,
  Heartbeat,
  Hello,
  LeaseRequest,
  Outcome,
  Ready,
  WireCounts,
} from "../protocol.ts";
import type { Lease, LeasedWork } from "./leasing.ts";
import type { SplitRequest, Team } from "./rank_split.ts";

/** Why a run failed: the first culprit and what is known about it. */
export interface Failure {
  kind:
    | "exit"
    | "silent"
    | "stuck"
    | "disconnected"
    | "reported"
    /** It reports that its GPU is gone. */
    | "device"
    | "refused"
    | "timeout"
    | "server";
  /** Absent when no rank is to blame. */
  rank?: number;
  host?: string;
  pid?: number;
  adapter?: string;
  phase?: PhaseName;
  step?: number;
  /** What happened, without the rank's name. */
  cause: string;
  /** The process's own exit code or signal, once known. */
  code?: number;
  signal?: string;
  hint?: string;
  stack?: string;
  /** Exit code of the run. */
  exitCode: number;
}

/** A request to end early with a checkpoint. */
export interface StopRequest {
  /** 75 asks to be requeued, 130 was interrupted. */
  code: 75 | 130;
  /** Such as `SIGTERM` or `rank 1 got SIGUSR2`. */
  cause: string;
  /** Nobody's hand: it hurries no end in progress, and the request after it is the first. */
  automatic?: true;
}

/** A line of the journal, without its time. */
export type JournalRecord =
  | {
    event: "started";
    run: string;
    size: number;
    phases: readonly PhaseName[];
    resumed: boolean;
  }
  | { event: "joined"; rank: number; host: string; pid: number; gpu: string }
  | { event: "refused"; rank: number; reason: string }
  | {
    event: "ready";
    rank: number;
    adapter: Ready["adapter"];
    form: string;
    share: number;
  }
  /** Phases run at the same time from now on; seconds are predicted. */
  | {
    event: "divided";
    size: number;
    teams: readonly Team[];
    apart: number;
    together: number;
  }
  | { event: "phase_started"; phase: PhaseName }
  | { event: "phase_done"; phase: PhaseName; summary: PhaseSummary }
  | { event: "phase_stopped"; phase: PhaseName; checkpoint: string }
  | { event: "stop_requested"; cause: string; code: number; now: boolean }
  | { event: "failed"; failure: Failure }
  /**
   * The run goes on with the members, who are of this generation now: those who
   * are left of its phase. Without any, the phase waits for others.
   */
  | {
    event: "rank_lost";
    failure: Failure;
    generation: number;
    members: readonly number[];
  }
  /** The rank failed before all had come: its place is free again. */
  | { event: "awaited"; failure: Failure }
  | {
    event: "left";
    rank: number;
    code: number;
    signal: string | null;
    /** Its work was done, but its process did not end as it should. */
    warning?: string;
  }
  /** Since the rank began: what has gone wrong on its wire, and was made good. */
  | { event: "wire"; rank: number; counts: Partial<WireCounts> }
  /** A rank, and often each of them, warns of something. */
  | { event: "warning"; rank: number; message: string }
  /** The server did not let someone in, or not do something. */
  | { event: "stranger"; client: string; reason: string; count: number }
  /** Over many steps the ranks have waited for one of them, or for the links. */
  | { event: "straggler"; phase: PhaseName; step: number } & Straggler
  | { event: "finished"; code: number };

/** What happened, with the monotonic time in ms at which it did. */
export type ClusterEvent =
  & { at: number }
  & (
    | { kind: "hello"; hello: Hello }
    | { kind: "ready"; ready: Ready }
    | { kind: "outcome"; outcome: Outcome }
    | { kind: "failed"; failed: Failed }
    | { kind: "lease"; request: LeaseRequest }
    | { kind: "heartbeat"; heartbeat: Heartbeat }
    | { kind: "present"; rank: number }
    | { kind: "exited"; rank: number; code: number; signal: string | null }
    | { kind: "disconnected"; rank: number; connection: string }
    /** It has lost all its connections at once, as when its process dies. */
    | { kind: "vanished"; rank: number }
    | {
      kind: "straggler";
      phase: PhaseName;
      step: number;
      straggler: Straggler;
    }
    | { kind: "server_lost"; cause: string }
    | { kind: "stop"; request: StopRequest }
    | { kind: "tick" }
  );

/** What the shell must do, in this order. */
export type Action =
  /** Written before the actions behind it. */
  | { do: "journal"; record: JournalRecord }
  /** Answers the report that is being handled. */
  | { do: "answer"; answer: Answer }
  | { do: "send"; rank: number; command: Command }
  /** SIGKILL, for a process on this machine. */
  | { do: "kill"; rank: number }
  | { do: "finish"; code: number };

/** Deadlines in ms. */
export interface Limits {
  join: number;
  open: number;
  /** Silence of a rank. */
  dead: number;
  /** From a lost connection to blame, for the exit status to arrive. */
  reconnect: number;
  /** How long a secondary failure waits for the primary one. */
  suspicion: number;
  /** Without progress in training: at least this, or `stepFactor` medians. */
  step: number;
  stepFactor: number;
  /** Without progress while compiling, in a first step, or evaluating. */
  slow: number;
  /** From a stop request to the checkpoint: at least so long. */
  stop: number;
  /** From abort or leave to SIGKILL, and from SIGKILL to giving up. */
  leave: number;
}

export const LIMITS: Limits = {
  join: 120_000,
  open: 300_000,
  dead: 5000,
  reconnect: 1500,
  suspicion: 8000,
  step: 10_000,
  stepFactor: 5,
  slow: 300_000,
  stop: 120_000,
  leave: 3000,
};

export interface RankState {
  hello?: Hello;
  ready?: Ready;
  /** When the rank was heard of last. */
  heard: number;
  beat?: Heartbeat;
  /** When `beat.ticks` changed last, or a phase began. */
  moved: number;
  /** Milliseconds per step between heartbeats, newest last. */
  stepTimes: readonly number[];
  /** When `beat.step` changed last, or a phase began. */
  stepped: number;
  /** Sequence of the newest command. */
  sequence: number;
  /** Commands that no heartbeat has confirmed. */
  unseen: readonly Command[];
  /** Sequence of the phase in progress. */
  phaseCommand: number;
  /** Those that the rank exchanges with, itself among them. */
  peers: readonly number[];
  /** When they met; another one for every such set. */
  generation: number;
  outcome?: Outcome["outcome"];
  /** The newest one. */
  lease?: Lease;
  /** The connection that ended, and when. */
  disconnected?: { connection: string; at: number };
  /** The run goes on without it. */
  lost?: true;
  /** It comes from elsewhere by itself, if at all: its end is not seen here. */
  guest?: true;
  exit?: { code: number; signal: string | null };
}

/** What decides whether phases run at the same time. */
export interface SplitState
  extends Pick<SplitRequest, "wish" | "work" | "summaries"> {
  /** As it was decided, perhaps in an earlier life of the run. */
  teams?: readonly Team[];
}

const UNDIVIDED: SplitState = {
  wish: "never",
  work: new Map<PhaseName, PhaseWork>(),
  summaries: new Map<PhaseName, PhaseSummary>(),
};

export type Stage =
  | "joining"
  | "opening"
  | "running"
  | "leaving"
  | "failing"
  | "over";

export interface State {
  stage: Stage;
  /** When the stage began. */
  since: number;
  /** Time of the previous event. */
  at: number;
  limits: Limits;
  /** Hashes that every rank must have. */
  version: string;
  config: string;
  /** Several ranks of a machine may have one GPU. */
  allowShared: boolean;
  /** Ranks may compute on different adapters. */
  mixed: boolean;
  ranks: RankState[];
  /** Ranks come when someone starts them, also in the place of one that failed. */
  waits: boolean;
  /** What the others do when a rank is lost in a phase. */
  onRankLoss: "stop" | "continue";
  /** The newest one: rises each time that ranks meet anew. */
  generation: number;
  /** Phases that are not done, in order. */
  phases: readonly PhaseName[];
  /** Phases in progress, and who runs them. */
  teams: readonly Team[];
  /** What each team shares out; the newest piece of each. */
  leased: readonly LeasedWork[];
  split: SplitState;
  stop?: StopRequest & { at: number };
  failure?: Failure;
  /** Consequences that wait for their cause, one a team; `from` reported it. */
  suspicions: readonly { failure: Failure; at: number; from: number }[];
  /** What was found last to hold the ranks of a phase up. */
  stragglers: Partial<Record<PhaseName, Straggler>>;
  /** SIGKILL was ordered. */
  killed?: number;
  /** Exit code to finish with. */
  code: number;
}

/** A rank that has not come. */
export function newRank(at: number, peers: readonly number[]): RankState {
  return {
    heard: at,
    moved: at,
    stepped: at,
    stepTimes: [],
    sequence: 0,
    unseen: [],
    phaseCommand: 0,
    generation: 1,
    peers,
  };
}

/** A run about to start, its `size` processes being started. */
export function initialState(options: {
  at: number;
  size: number;
  phases: readonly PhaseName[];
  version: string;
  config: string;
  allowShared?: boolean;
  mixed?: boolean;
  waits?: boolean;
  limits?: Partial<Limits>;
  onRankLoss: State["onRankLoss"];
  split?: SplitState;
}): State {
  const { at, size, phases, version, config, onRankLoss } = options;
  const { allowShared = false, mixed = false, waits = false } = options;
  const { split = UNDIVIDED } = options;
  const everyone = Array.from({ length: size }, (_, rank) => rank);
  return {
    stage: "joining",
    since: at,
    at,
    limits: {
      ...LIMITS,
      ...(waits ? { join: Infinity } : {}),
      ...options.limits,
    },
    waits,
    version,
    config,
    onRankLoss,
    generation: 1,
    allowShared,
    mixed,
    ranks: Array.from({ length: size }, () => newRank(at, everyone)),
    phases,
    teams: [],
    leased: [],
    split,
    suspicions: [],
    stragglers: {},
    code: 0,
  };
}
