import type { Credentials } from "./credentials.ts";
import type { Link, LinkReceiver } from "./link.ts";
import { NatsWire, pubLine } from "./nats_wire.ts";

/** Larger frames gain nothing and cost memory. */
const MAX_FRAME = 4 * 1024 * 1024 + 4096;

export interface NatsLinkOptions {
  rank: number;
  size: number;
  /** Name of the connection, as the server reports it. */
  name: string;
  /** Subject on which the frames of a rank arrive. */
  subject: (rank: number) => string;
}

/**
 * Opens a link whose frames are messages through a NATS server.
 *
 * @throws {EnvironmentError} If the server cannot be reached or refuses.
 */
export async function openNatsLink(
  credentials: Credentials,
  options: NatsLinkOptions,
): Promise<Link> {
  const { rank, size, name, subject } = options;
  let receiver: LinkReceiver | undefined;
  const wire = await NatsWire.open({
    credentials,
    name,
    subject: subject(rank),
    maxMessage: MAX_FRAME,
    onMessage: (bytes) => receiver?.onFrame(bytes),
    onRestored: () => receiver?.onRestored(),
  });
  const subjects = Array.from({ length: size }, (_, to) => subject(to));
  return {
    rank,
    size,
    maxFrame: Math.min(wire.maxPayload, MAX_FRAME),
    listen: (to) => {
      receiver = to;
    },
    send: (to, head, body) =>
      wire.publish(
        pubLine(subjects[to]!, head.length + body.length),
        head,
        body,
      ),
    close: () => {
      receiver = undefined;
      return wire.close();
    },
  };
}
