import type { NatsConnection } from "@nats-io/transport-node";
import { authenticatorOf, type Credentials, unreached } from "./credentials.ts";

/** Pings keep both sides sure of each other; two missed ones break the connection. */
const PING_MS = 5000;
const RECONNECT_MS = 250;
const FLUSH_MS = 500;

/** Errors of sockets, which their owners learn of by the end of the stream. */
const SOCKET_ERRORS = [
  "ECONNRESET",
  "EPIPE",
  "ECONNABORTED",
  "ERR_STREAM_WRITE_AFTER_END",
  "ERR_STREAM_DESTROYED",
];

let forgiving = false;

/**
 * While it connects, and once it has closed, the client library leaves its
 * socket without a listener for errors. A server that refuses a client, or has
 * waited too long for its first words, ends or resets the socket after saying
 * why, while the client may be writing. What was said counts, and the error of
 * the socket must not end the process or the worker.
 */
function forgiveSocketErrors(): void {
  if (forgiving) return;
  forgiving = true;
  addEventListener("error", (event) => {
    const { code } = Object((event as ErrorEvent).error) as { code?: string };
    if (code !== undefined && SOCKET_ERRORS.includes(code)) {
      event.preventDefault();
    }
  });
}

/**
 * Opens a connection that reconnects for ever: when to give up is decided by
 * the deadlines of those who use it. `name` is what the server reports of it.
 *
 * @throws {EnvironmentError} If the server cannot be reached or refuses.
 */
export async function openConnection(
  credentials: Credentials,
  name: string,
): Promise<NatsConnection> {
  forgiveSocketErrors();
  // A rank's main thread, which leaves connections to its worker, never loads it.
  const { connect } = await import("@nats-io/transport-node");
  try {
    return await connect({
      servers: credentials.url,
      name,
      authenticator: await authenticatorOf(credentials),
      // With an authority known, a server without TLS is not the right one.
      ...(credentials.ca === undefined ? {} : { tls: { ca: credentials.ca } }),
      inboxPrefix: credentials.inbox,
      maxReconnectAttempts: -1,
      reconnectTimeWait: RECONNECT_MS,
      reconnectJitter: RECONNECT_MS,
      pingInterval: PING_MS,
      maxPingOut: 2,
      timeout: 5000,
      ignoreClusterUpdates: true,
    });
  } catch (cause) {
    throw unreached(credentials, cause);
  }
}

/** Calls `onRestored` after each reconnection, until the connection closes. */
export async function watchConnection(
  connection: NatsConnection,
  onRestored: () => void,
): Promise<void> {
  for await (const { type } of connection.status()) {
    if (type === "reconnect") onRestored();
  }
}

/** Closes a connection; what was published before still leaves, if the server takes it soon. */
export async function closeConnection(
  connection: NatsConnection,
): Promise<void> {
  if (connection.isClosed()) return;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const tooLate = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, FLUSH_MS);
  });
  await Promise.race([connection.flush().catch(() => {}), tooLate]);
  clearTimeout(timer);
  await connection.close();
}
