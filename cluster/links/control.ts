import type {
  Msg,
  NatsConnection,
  Subscription,
} from "@nats-io/transport-node";
import { MAX_CONTROL_BYTES } from "../protocol.ts";
import {
  closeConnection,
  openConnection,
  watchConnection,
} from "./connection.ts";
import type { Credentials } from "./credentials.ts";

const encoder = new TextEncoder();

/** A client that the server lost. */
export interface DisconnectNotice {
  /** Name that the client connected with. */
  name: string;
  /** Which of its connections it was: {@linkcode Control.connection}. */
  connection: string;
  /** The server's word for it: "Client Closed", "Slow Consumer", … */
  reason: string;
}

/** A client that the server did not let in. */
export interface RefusalNotice {
  /** Its address, without the port. */
  client: string;
  /** The server's word for it, and whom the client said it was. */
  reason: string;
}

/** A request that was not answered. */
export class NoAnswerError extends Error {
  override name = "NoAnswerError";
  /** `nobody`: no process listens there now; `silent`: not answered in time. */
  readonly kind: "nobody" | "silent";
  readonly subject: string;
  readonly timeoutMs: number;

  constructor(
    subject: string,
    kind: NoAnswerError["kind"],
    options: { timeoutMs: number; cause?: unknown },
  ) {
    super(
      kind === "nobody"
        ? `Cannot send to ${subject}: nobody listens`
        : `Cannot send to ${subject}: no answer for ${options.timeoutMs} ms`,
      { cause: options.cause },
    );
    this.kind = kind;
    this.subject = subject;
    this.timeoutMs = options.timeoutMs;
  }
}

/**
 * JSON messages over NATS, as a rank and the coordinator send them. What arrives
 * is parsed and bounded in size, otherwise unchecked.
 */
export interface Messenger {
  /** Sends a message that may be lost. */
  publish(subject: string, message: unknown): void;
  /**
   * Sends a message and waits for the answer.
   *
   * @throws {NoAnswerError} If nobody answers in time.
   */
  request(
    subject: string,
    message: unknown,
    timeoutMs: number,
  ): Promise<unknown>;
  /** Calls `handler` for each message; the result ends it. */
  subscribe(
    subject: string,
    handler: (message: unknown, subject: string) => void,
  ): () => void;
  /** Resolves when the server has all that was published and knows all subscriptions. */
  flush(): Promise<void>;
  /** Sends what was published and disconnects. */
  close(): Promise<void>;
}

/** A process's end of the control plane. */
export interface Control extends Messenger, AsyncDisposable {
  /** The connection to the server, by its number there; another one when it is made again. */
  readonly connection: string;
  /** Messages that were too large or no JSON, and dropped. */
  readonly dropped: number;
  /** Answers requests; `undefined`, or an error of the handler's, leaves one unanswered. */
  respond(
    subject: string,
    handler: (message: unknown) => unknown | Promise<unknown>,
  ): () => void;
  /** Only with system credentials: the server reports lost clients within milliseconds. */
  onDisconnect(handler: (notice: DisconnectNotice) => void): void;
  /** Only with system credentials: the server reports clients it did not let in. */
  onRefusal(handler: (notice: RefusalNotice) => void): void;
}

export interface ControlOptions {
  /** Name of the connection, as the server reports it. */
  name: string;
  /** Credentials of the server's system account, for {@linkcode Control.onDisconnect}. */
  system?: Credentials;
  /** Told each time that the connection was lost and made again. */
  onRestored?(): void;
}

/**
 * Connects a process to the control plane.
 *
 * @throws {EnvironmentError} If the server cannot be reached or refuses.
 */
export async function connectControl(
  credentials: Credentials,
  options: ControlOptions,
): Promise<Control> {
  const connection = await openConnection(credentials, options.name);
  if (options.onRestored !== undefined) {
    watchConnection(connection, options.onRestored);
  }
  if (options.system === undefined) return new NatsControl(connection);
  try {
    const system = await openConnection(
      options.system,
      `${options.name}-system`,
    );
    return new NatsControl(connection, system);
  } catch (error) {
    await connection.close();
    throw error;
  }
}

class NatsControl implements Control {
  dropped = 0;
  #name = "";
  readonly #connection: NatsConnection;
  readonly #system: NatsConnection | undefined;

  constructor(connection: NatsConnection, system?: NatsConnection) {
    this.#connection = connection;
    this.#system = system;
  }

  get connection(): string {
    const { info } = this.#connection;
    // Nothing while there is none: the one before is then the last one.
    if (info) this.#name = connectionOf(info.server_id, info.client_id);
    return this.#name;
  }

  publish(subject: string, message: unknown): void {
    if (this.#connection.isClosed()) return;
    this.#connection.publish(subject, encode(subject, message));
  }

  async request(
    subject: string,
    message: unknown,
    timeoutMs: number,
  ): Promise<unknown> {
    const bytes = encode(subject, message);
    try {
      const reply = await this.#connection.request(subject, bytes, {
        timeout: timeoutMs,
      });
      return this.#parse(reply);
    } catch (cause) {
      const { errors } = await import("@nats-io/transport-node");
      const nobody = cause instanceof errors.RequestError &&
        cause.isNoResponders();
      throw new NoAnswerError(subject, nobody ? "nobody" : "silent", {
        timeoutMs,
        cause,
      });
    }
  }

  subscribe(
    subject: string,
    handler: (message: unknown, subject: string) => void,
  ): () => void {
    return this.#listen(this.#connection, subject, (message) => {
      const parsed = this.#parse(message);
      if (parsed !== undefined) handler(parsed, message.subject);
    });
  }

  respond(
    subject: string,
    handler: (message: unknown) => unknown | Promise<unknown>,
  ): () => void {
    return this.#listen(this.#connection, subject, async (message) => {
      const parsed = this.#parse(message);
      if (parsed === undefined || message.reply === undefined) return;
      try {
        const answer = await handler(parsed);
        if (answer !== undefined) message.respond(encode(subject, answer));
      } catch {
        // Unanswered: whoever failed knows why.
      }
    });
  }

  onDisconnect(handler: (notice: DisconnectNotice) => void): void {
    this.#watch("$SYS.ACCOUNT.*.DISCONNECT", (event) => {
      const { name, id } = Object(event.client);
      if (typeof name !== "string") return;
      const connection = connectionOf(Object(event.server).id, id);
      handler({ name, connection, reason: reasonOf(event) });
    });
  }

  onRefusal(handler: (notice: RefusalNotice) => void): void {
    this.#watch("$SYS.SERVER.*.CLIENT.AUTH.ERR", (event) => {
      const { host, user } = Object(event.client);
      const who = typeof user === "string" ? ` - User "${user}"` : "";
      handler({ client: String(host), reason: `${reasonOf(event)}${who}` });
    });
  }

  async flush(): Promise<void> {
    await this.#connection.flush();
    await this.#system?.flush();
  }

  async close(): Promise<void> {
    await this.#system?.close();
    await closeConnection(this.#connection);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #watch(
    subject: string,
    take: (event: Record<string, unknown>) => void,
  ): void {
    if (this.#system === undefined) {
      throw new TypeError("Cannot watch clients without system credentials");
    }
    this.#listen(
      this.#system,
      subject,
      (message) => take(Object(this.#parse(message))),
    );
  }

  #listen(
    connection: NatsConnection,
    subject: string,
    take: (message: Msg) => void,
  ): () => void {
    const subscription: Subscription = connection.subscribe(subject, {
      callback: (error, message) => {
        if (error === null) take(message);
      },
    });
    return () => subscription.unsubscribe();
  }

  #parse(message: Msg): unknown {
    if (message.data.length <= MAX_CONTROL_BYTES) {
      try {
        return message.json();
      } catch {
        // Counted below.
      }
    }
    this.dropped++;
    return undefined;
  }
}

function connectionOf(server: unknown, client: unknown): string {
  return `${server}/${client}`;
}

function reasonOf({ reason = "unknown" }: Record<string, unknown>): string {
  return String(reason);
}

function encode(subject: string, message: unknown): Uint8Array {
  const bytes = encoder.encode(JSON.stringify(message));
  if (bytes.length > MAX_CONTROL_BYTES) {
    throw new RangeError(
      `Cannot send ${bytes.length} bytes to ${subject}: at most ${MAX_CONTROL_BYTES} are allowed`,
    );
  }
  return bytes;
}
