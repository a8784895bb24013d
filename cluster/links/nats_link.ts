import type { Credentials } from "./credentials.ts";
import type { Link, LinkReceiver } from "./link.ts";
import { NatsWire, pubLine } from "./nats_wire.ts";

/** Larger frames gain nothing and cost memory. */
const MAX_FRAME = 4 * 1024 * 1024 + 4096;

/** Bytes of a frame above which the server gets no faster. */
const USEFUL_FRAME = 4 * 1024 * 1024;
const LANES = 2;

export interface NatsLinkOptions {
  rank: number;
  size: number;
  /** Name of the connection, as the server reports it. */
  name: string;
  /** Subject on which the frames of a rank arrive in a lane. */
  subject: (rank: number, lane: number) => string;
  /** Connections side by side: the server serves each on a thread of its own. */
  lanes?: number;
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
  const { rank, size, name, subject, lanes = LANES } = options;
  let receiver: LinkReceiver | undefined;
  const wires = await Promise.all(
    Array.from({ length: lanes }, (_, lane) =>
      NatsWire.open({
        credentials,
        name: lane === 0 ? name : `${name}-${lane}`,
        subject: subject(rank, lane),
        maxMessage: MAX_FRAME,
        onMessage: (bytes) => receiver?.onFrame(bytes),
        onRestored: () => receiver?.onRestored(),
      })),
  );
  const subjects = wires.map((_, lane) =>
    Array.from({ length: size }, (_, to) => subject(to, lane))
  );
  return {
    rank,
    size,
    lanes,
    maxFrame: Math.min(MAX_FRAME, ...wires.map((wire) => wire.maxPayload)),
    usefulFrame: USEFUL_FRAME,
    get counts() {
      return {
        oversized: sum(wires.map((wire) => wire.oversized)),
        reconnects: sum(wires.map((wire) => wire.reconnects)),
      };
    },
    listen: (to) => {
      receiver = to;
    },
    send: (to, lane, head, body) =>
      wires[lane % lanes]!.publish(
        pubLine(subjects[lane % lanes]![to]!, head.length + body.length),
        head,
        body,
      ),
    close: async () => {
      receiver = undefined;
      await Promise.all(wires.map((wire) => wire.close()));
    },
  };
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
