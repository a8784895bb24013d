import type { Env } from "../../src/env/mod.ts";
import type { Control, DisconnectNotice } from "../links/mod.ts";
import {
  accept,
  type Answer,
  heartbeat,
  HEARTBEAT_MS,
  progress,
  type ProgressMessage,
  report,
  type Subjects,
} from "../protocol.ts";
import { advance } from "./core.ts";
import { Journal } from "./journal.ts";
import { ended } from "./turn.ts";
import type {
  Action,
  ClusterEvent,
  Failure,
  JournalRecord,
  State,
  StopRequest,
} from "./state.ts";

/** Deadlines are looked at this often, in ms. */
const TICK_MS = 250;

/** Names of a rank's connections to the server: for control, and the first for data. */
const RANK_CONNECTION = /^rank-(\d{1,4})(-data)?$/;

/** Texts of warnings that are told, journalled and shown in a life of a run. */
const MOST_WARNINGS = 200;

/** A request to stop waits for the journal so long without a word, in ms. */
const SLOW_MS = 2000;

/** Both end within so long when the process does, in ms. */
const AT_ONCE_MS = 100;

/** Who is told what the coordinator does; errors are theirs to handle. */
export interface Observer {
  /** A decision was journalled. */
  onRecord(record: JournalRecord): void | Promise<void>;
  onProgress(progress: ProgressMessage): void;
  /** Something odd that does not stop the run. */
  onWarning(message: string): void;
}

/** A rank's process on this machine. */
export interface RankHandle {
  readonly rank: number;
  readonly exited: Promise<{ code: number; signal: string | null }>;
  /** SIGKILL; no error when it is gone. */
  kill(): void;
}

export interface CoordinatorOptions {
  env: Env;
  runFolder: string;
  control: Control;
  subjects: Subjects;
  /** Ranks of this machine, by rank. */
  processes: readonly RankHandle[];
  /** The server reports lost clients: `control` has system credentials. */
  watchClients: boolean;
  observer: Observer;
  state: State;
}

/** What became of a run. */
export interface RunEnd {
  code: number;
  failure?: Failure;
}

/**
 * The shell around the core: brings it what happens, does what it decides.
 *
 * Events are handled one after the other; each one's actions are done before
 * the next is looked at.
 */
export class Coordinator {
  readonly #options: CoordinatorOptions;
  readonly #journal: Journal;
  readonly #end = Promise.withResolvers<RunEnd>();
  readonly #undo: (() => void)[] = [];
  #state: State;
  /** When a connection ended last, by its name. */
  readonly #ended = new Map<string, number>();
  #queue: Promise<unknown> = Promise.resolve();
  #beat = 0;
  /** Who has asked to stop last: a signal or time limit here, or a rank's signal. */
  #stopFrom: "here" | "rank" | undefined;
  #over = false;
  /** Texts that ranks have warned with. */
  readonly #warned = new Set<string>();

  constructor(options: CoordinatorOptions) {
    this.#options = options;
    const { state } = options;
    this.#state = {
      ...state,
      ranks: state.ranks.map((known, rank) =>
        this.#watches(rank) ? known : { ...known, guest: true }
      ),
    };
    this.#journal = new Journal(options.env, options.runFolder);
  }

  /** Listens and decides until the run is over and its ranks have left. */
  async run(): Promise<RunEnd> {
    const { env, control, subjects, processes } = this.#options;
    this.#undo.push(
      control.respond(subjects.report, (message) => this.#onReport(message)),
      control.subscribe(subjects.heartbeat, (message) => {
        const beat = accept(heartbeat, message);
        if (beat) this.#submit({ kind: "heartbeat", heartbeat: beat });
      }),
      control.subscribe(subjects.progress, (message) => {
        const shown = accept(progress, message);
        if (shown === undefined) return;
        this.#options.observer.onProgress(shown);
        const { phase, step, straggler } = shown;
        if (straggler === undefined) return;
        this.#submit({ kind: "straggler", phase, step, straggler });
      }),
      env.timers.every(TICK_MS, () => this.#submit({ kind: "tick" })),
      env.timers.every(
        HEARTBEAT_MS,
        () => control.publish(subjects.pulse, { beat: ++this.#beat }),
      ),
    );
    if (this.#options.watchClients) {
      control.onDisconnect((notice) => this.#onDisconnect(notice));
    }
    for (const { rank, exited } of processes) {
      exited.then((exit) => this.#submit({ kind: "exited", rank, ...exit }));
    }
    try {
      return await this.#end.promise;
    } finally {
      this.#over = true;
      for (const undo of this.#undo) undo();
      for (const process of processes) process.kill();
    }
  }

  /** A signal or a time limit asks to end with a checkpoint. */
  stop(request: StopRequest): void {
    if (!request.automatic) {
      // What a scheduler sends to all of a job is one request, whoever hears it first.
      const echo = this.#stopFrom === "rank";
      this.#stopFrom = "here";
      if (echo) return;
    }
    const { env, runFolder, observer } = this.#options;
    const cancel = env.timers.after(SLOW_MS, () =>
      observer.onWarning(
        `${request.cause} waits for the disk of ${runFolder}, which has not taken a line of the journal for ${
          SLOW_MS / 1000
        } s`,
      ));
    this.#submit({ kind: "stop", request }).then(cancel, cancel);
  }

  /** The server has refused someone; the run goes on. */
  async stranger(
    refusal: { client: string; reason: string; count: number },
  ): Promise<void> {
    const { observer } = this.#options;
    const { client, reason, count } = refusal;
    observer.onWarning(
      `the NATS server refused ${client}: ${reason}${
        count > 1 ? ` (${count} times)` : ""
      }`,
    );
    await this.#journal.append({ event: "stranger", ...refusal }).catch(
      (error) =>
        observer.onWarning(`cannot write the journal: ${error.message}`),
    );
  }

  /** The run has ended; what stops now does so on purpose. */
  get over(): boolean {
    return this.#over;
  }

  /** The NATS server is gone for good. */
  serverLost(cause: string): void {
    this.#submit({ kind: "server_lost", cause });
  }

  #onDisconnect({ name, connection }: DisconnectNotice): void {
    const match = RANK_CONNECTION.exec(name);
    if (match === null) return;
    const rank = Number(match[1]);
    const forData = match[2] !== undefined;
    // Those for data also end when the ranks meet anew.
    if (!forData) this.#submit({ kind: "disconnected", rank, connection });
    const now = this.#options.env.clock.now();
    this.#ended.set(name, now);
    const other = forData ? `rank-${rank}` : `${name}-data`;
    const between = now - (this.#ended.get(other) ?? -Infinity);
    // The end of a process of ours tells more.
    if (between > AT_ONCE_MS || this.#watches(rank)) return;
    this.#submit({ kind: "vanished", rank });
  }

  #watches(rank: number): boolean {
    return this.#options.processes.some((own) => own.rank === rank);
  }

  /** When the run ends, who has lost its connection, and is no process of ours, has ended. */
  #departed(): number[] {
    if (!ended(this.#state)) return [];
    return this.#state.ranks.flatMap(({ disconnected, exit }, rank) =>
      disconnected === undefined || exit !== undefined || this.#watches(rank)
        ? []
        : [rank]
    );
  }

  async #onReport(message: unknown): Promise<Answer | undefined> {
    const valid = accept(report, message);
    if (valid === undefined) {
      this.#options.observer.onWarning("dropped a report that is none");
      return undefined;
    }
    if (valid.kind === "stop") {
      // Repeated until answered, but one signal is one request.
      if (this.#state.stop === undefined && this.#stopFrom === undefined) {
        this.#stopFrom = "rank";
        await this.#submit({
          kind: "stop",
          request: {
            code: 75,
            cause: `rank ${valid.rank} got ${valid.signal}`,
          },
        });
      }
      return { kind: "ok" };
    }
    switch (valid.kind) {
      case "hello":
        return await this.#submit({ kind: "hello", hello: valid });
      case "ready":
        return await this.#submit({ kind: "ready", ready: valid });
      case "outcome":
        return await this.#submit({ kind: "outcome", outcome: valid });
      case "failed":
        return await this.#submit({ kind: "failed", failed: valid });
      case "lease":
        return await this.#submit({ kind: "lease", request: valid });
      case "present":
        return await this.#submit(valid);
      case "warning":
        await this.#warn(valid.rank, valid.message);
        return { kind: "ok" };
    }
  }

  /** Ranks warn alike, and repeat what is not answered in time: a text counts once. */
  async #warn(rank: number, message: string): Promise<void> {
    if (this.#warned.has(message) || this.#warned.size === MOST_WARNINGS) {
      return;
    }
    this.#warned.add(message);
    await this.#perform({
      do: "journal",
      record: { event: "warning", rank, message },
    });
  }

  #submit(event: Unclocked<ClusterEvent>): Promise<Answer | undefined> {
    const at = this.#options.env.clock.now();
    const done = this.#queue.then(() => this.#handle({ ...event, at }));
    this.#queue = done.catch((error) => this.#end.reject(error));
    return done;
  }

  async #handle(event: ClusterEvent): Promise<Answer | undefined> {
    const answer = await this.#advance(event);
    const { at } = event;
    for (const rank of this.#departed()) {
      await this.#advance({ kind: "exited", at, rank, code: 0, signal: null });
    }
    return answer;
  }

  async #advance(event: ClusterEvent): Promise<Answer | undefined> {
    const [state, actions] = advance(this.#state, event);
    this.#state = state;
    let answer: Answer | undefined;
    for (const action of actions) {
      answer = await this.#perform(action) ?? answer;
    }
    return answer;
  }

  async #perform(action: Action): Promise<Answer | undefined> {
    const { control, subjects, processes, observer } = this.#options;
    switch (action.do) {
      case "journal":
        await this.#journal.append(action.record).catch((error) =>
          observer.onWarning(`cannot write the journal: ${error.message}`)
        );
        await observer.onRecord(action.record);
        return;
      case "answer":
        return action.answer;
      case "send":
        control.publish(subjects.command(action.rank), action.command);
        return;
      case "kill":
        processes.find(({ rank }) => rank === action.rank)?.kill();
        return;
      case "finish": {
        const { failure } = this.#state;
        this.#end.resolve({
          code: action.code,
          ...(failure === undefined ? {} : { failure }),
        });
      }
    }
  }
}

type Unclocked<T> = T extends unknown ? Omit<T, "at"> : never;
