import type { NatsConnection } from "@nats-io/transport-node";
import type { Credentials } from "./credentials.ts";
import {
  closeConnection,
  openConnection,
  watchConnection,
} from "./connection.ts";
import type { Link, LinkReceiver } from "./link.ts";

/** Larger frames gain nothing and cost memory. */
const MAX_FRAME = 1024 * 1024 + 4096;

export interface NatsLinkOptions {
  rank: number;
  size: number;
  /** Name of the connection, as the server reports it. */
  name: string;
  /** Subject on which the frames of a rank arrive. */
  subject: (rank: number) => string;
}

/** Opens a link whose frames are messages through a NATS server. */
export async function openNatsLink(
  credentials: Credentials,
  options: NatsLinkOptions,
): Promise<Link> {
  const connection = await openConnection(credentials, options.name);
  const link = new NatsLink(connection, options);
  await connection.flush();
  return link;
}

class NatsLink implements Link {
  readonly rank: number;
  readonly size: number;
  readonly maxFrame: number;
  readonly #connection: NatsConnection;
  readonly #subjects: string[];
  readonly #staging: Uint8Array<ArrayBuffer>[] = [];
  #connected = true;
  #receiver: LinkReceiver | undefined;

  constructor(connection: NatsConnection, options: NatsLinkOptions) {
    this.rank = options.rank;
    this.size = options.size;
    this.#connection = connection;
    this.#subjects = Array.from(
      { length: options.size },
      (_, rank) => options.subject(rank),
    );
    this.maxFrame = Math.min(
      connection.info?.max_payload ?? MAX_FRAME,
      MAX_FRAME,
    );
    connection.subscribe(this.#subjects[options.rank]!, {
      callback: (error, message) => {
        if (error === null) this.#receiver?.onFrame(message.data);
      },
    });
    watchConnection(connection, {
      onLost: () => this.#connected = false,
      onRestored: () => {
        this.#connected = true;
        this.#receiver?.onRestored();
      },
    });
  }

  listen(receiver: LinkReceiver): void {
    this.#receiver = receiver;
  }

  send(to: number, head: Uint8Array, body: Uint8Array): void {
    // The client would keep messages without bound while it reconnects.
    if (!this.#connected || this.#connection.isClosed()) return;
    const length = head.length + body.length;
    const staging = this.#staging.pop() ?? new Uint8Array(this.maxFrame);
    staging.set(head);
    staging.set(body, head.length);
    this.#connection.publish(this.#subjects[to]!, staging.subarray(0, length));
    // The client copies the message into its stream in a microtask that is queued by now.
    queueMicrotask(() => this.#staging.push(staging));
  }

  async close(): Promise<void> {
    this.#receiver = undefined;
    await closeConnection(this.#connection);
  }
}
