import type { Credentials, Messenger } from "../links/mod.ts";
import type { LinkChoice } from "./choose_link.ts";
import type { Wait } from "./errors.ts";
import { fromPlain } from "./plain_error.ts";
import type { TransportCounts } from "./transport.ts";
import { WorkerCommunicator } from "./worker_communicator.ts";
import type {
  FromWorker,
  JoinOptions,
  Notice,
  Task,
  ToWorker,
} from "./worker_messages.ts";

export interface CommWorkerOptions {
  credentials: Credentials;
  rank: number;
  /** Words of `LIFE` that the worker reports in each heartbeat; others write them. */
  life: Int32Array<SharedArrayBuffer>;
  /** A collective has waited for {@linkcode JoinOptions.warnAfterMs}. */
  onWarning?(wait: Wait): void;
  /** What the rank's log should keep, such as a connection that is lost. */
  onNote?(message: string): void;
  /** The worker itself has failed; every call rejects from now on. */
  onError?(error: Error): void;
}

const JOIN_DEFAULTS: Omit<JoinOptions, "members"> = {
  link: "auto",
  generation: 1,
  algorithm: "auto",
  warnAfterMs: 10_000,
  deadlineMs: 60_000,
};

/**
 * A rank's connection to its run. All sockets live in a worker, which beats
 * once a second and goes on when this thread waits for its GPU.
 *
 * @example
 * ```ts ignore
 * await using worker = await CommWorker.open({ credentials, rank: 0, life });
 * worker.subscribe(subjects.command(0), obey);
 * const communicator = await worker.join({ members: [0, 1] });
 * await communicator.barrier();
 * ```
 */
export class CommWorker implements Messenger, AsyncDisposable {
  readonly rank: number;
  readonly #options: CommWorkerOptions;
  readonly #worker: Worker;
  readonly #tasks = new Map<number, PromiseWithResolvers<unknown>>();
  readonly #handlers = new Map<
    number,
    (message: unknown, subject: string) => void
  >();
  #ids = 0;
  #link: LinkChoice | undefined;
  #failure: Error | undefined;

  /**
   * Starts the worker, connects its control plane and begins to beat.
   *
   * @throws {EnvironmentError} If the server cannot be reached or refuses.
   */
  static async open(options: CommWorkerOptions): Promise<CommWorker> {
    const worker = new CommWorker(options);
    const { credentials, rank, life } = options;
    try {
      await worker.#ask({ kind: "open", credentials, rank, life });
    } catch (error) {
      worker.#worker.terminate();
      throw error;
    }
    return worker;
  }

  /** Use {@linkcode CommWorker.open}. */
  constructor(options: CommWorkerOptions) {
    this.#options = options;
    this.rank = options.rank;
    this.#worker = new Worker(new URL("./worker.ts", import.meta.url).href, {
      type: "module",
      name: `comm-${options.rank}`,
    });
    this.#worker.onmessage = ({ data }: MessageEvent<FromWorker>) =>
      this.#take(data);
    this.#worker.onerror = (event) => {
      event.preventDefault();
      this.#fail(new Error(`The comm worker failed: ${event.message}`));
    };
  }

  /** What bulk data travels over, once the rank has joined. */
  get link(): LinkChoice | undefined {
    return this.#link;
  }

  /**
   * Joins the ring of ranks; afterwards the collectives work. Again: leaves the
   * one before, whose communicator is of no use any more.
   */
  async join(
    options: Pick<JoinOptions, "members"> & Partial<JoinOptions>,
  ): Promise<WorkerCommunicator> {
    const choice = await this.#ask({
      kind: "join",
      options: { ...JOIN_DEFAULTS, ...options },
    });
    this.#link = choice as LinkChoice;
    return new WorkerCommunicator({
      rank: options.members.indexOf(this.rank),
      size: options.members.length,
      run: async (call) => {
        await this.#ask({ kind: "collective", call });
      },
    });
  }

  /** What has gone wrong on the wire and was made good; nothing before the rank has joined. */
  async counts(): Promise<TransportCounts | undefined> {
    return await this.#ask({ kind: "counts" }) as TransportCounts | undefined;
  }

  request(
    subject: string,
    message: unknown,
    timeoutMs: number,
  ): Promise<unknown> {
    return this.#ask({ kind: "request", subject, message, timeoutMs });
  }

  publish(subject: string, message: unknown): void {
    this.#tell({ kind: "publish", subject, message });
  }

  subscribe(
    subject: string,
    handler: (message: unknown, subject: string) => void,
  ): () => void {
    const subscription = ++this.#ids;
    this.#handlers.set(subscription, handler);
    this.#tell({ kind: "subscribe", subscription, subject });
    return () => {
      this.#handlers.delete(subscription);
      this.#tell({ kind: "unsubscribe", subscription });
    };
  }

  async flush(): Promise<void> {
    await this.#ask({ kind: "flush" });
  }

  /** Rejects all collectives, pending and to come, with a {@linkcode RankFailedError}. */
  abort(reason: string, failedRank?: number): void {
    this.#tell({ kind: "abort", reason, failedRank });
  }

  /** Sends what was published, leaves the run and ends the worker. */
  async close(): Promise<void> {
    if (this.#failure !== undefined) return;
    await this.#ask({ kind: "close" });
    this.#fail(new Error("The comm worker is closed"), { told: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #ask(task: Task): Promise<unknown> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure);
    const id = ++this.#ids;
    const pending = Promise.withResolvers<unknown>();
    this.#tasks.set(id, pending);
    this.#post({ id, task });
    return pending.promise;
  }

  #tell(notice: Notice): void {
    if (this.#failure === undefined) this.#post({ notice });
  }

  #post(message: ToWorker): void {
    this.#worker.postMessage(message);
  }

  #take(message: FromWorker): void {
    switch (message.kind) {
      case "done":
        this.#settle(message.id)?.resolve(message.value);
        break;
      case "failed":
        this.#settle(message.id)?.reject(fromPlain(message.error));
        break;
      case "message":
        this.#handlers.get(message.subscription)?.(
          message.message,
          message.subject,
        );
        break;
      case "warning":
        this.#options.onWarning?.(message.wait);
        break;
      case "note":
        this.#options.onNote?.(message.message);
    }
  }

  #settle(id: number): PromiseWithResolvers<unknown> | undefined {
    const pending = this.#tasks.get(id);
    this.#tasks.delete(id);
    return pending;
  }

  #fail(error: Error, { told = false } = {}): void {
    this.#failure ??= error;
    this.#worker.terminate();
    for (const pending of this.#tasks.values()) pending.reject(error);
    this.#tasks.clear();
    if (!told) this.#options.onError?.(error);
  }
}
