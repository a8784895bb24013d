import type { Credentials } from "./credentials.ts";
import { WINDOW_BYTES } from "./channel.ts";
import { HEAD_BYTES } from "./frame.ts";
import {
  APART,
  type Flow,
  type LinkReceiver,
  type TunableLink,
} from "./link.ts";
import { NatsWire, pubLine } from "./nats_wire.ts";

/** Larger frames gain nothing and cost memory. */
const MAX_FRAME = 4 * 1024 * 1024 + 4096;

/**
 * What suits a server on the same machine. In large segments, so that the server
 * works least; in several lanes, so that it always has some to pass on.
 */
const NATS_FLOW: Flow = {
  lanes: 4,
  segmentBytes: 4 * 1024 * 1024,
  windowBytes: WINDOW_BYTES,
  treeBytes: 64 * 1024,
};

export interface NatsLinkOptions {
  rank: number;
  size: number;
  /** Name of the connection, as the server reports it. */
  name: string;
  /** Subject on which the frames of a rank arrive in a lane. */
  subject: (rank: number, lane: number) => string;
  /** Connections side by side: the server serves each on a thread of its own. */
  lanes?: number;
  /** Until it fires, a server that is not there is waited for; left out, none is. */
  patience?: AbortSignal;
}

/**
 * Opens a link whose frames are messages through a NATS server.
 *
 * Acknowledgements have a connection of their own: behind data they would wait
 * for a whole window to pass, here and again in the server.
 *
 * @throws {EnvironmentError} If the server cannot be reached or refuses.
 */
export async function openNatsLink(
  credentials: Credentials,
  options: NatsLinkOptions,
): Promise<TunableLink> {
  const { rank, size, name, subject, patience } = options;
  const { lanes = NATS_FLOW.lanes } = options;
  let receiver: LinkReceiver | undefined;
  const open = (place: number) =>
    NatsWire.open({
      credentials,
      name: place === 0 ? name : `${name}-${place}`,
      subject: subject(rank, place),
      maxMessage: MAX_FRAME,
      patience,
      onMessage: (bytes) => receiver?.onFrame(bytes),
      onRestored: () => receiver?.onRestored(),
    });
  // The first connection is for what must not wait behind data.
  const wires = await allOrNone(
    Array.from({ length: 1 + lanes }, (_, place) => open(place)),
  );
  const link: TunableLink = {
    rank,
    size,
    flow: { ...NATS_FLOW, lanes },
    get lanes() {
      return link.flow.lanes;
    },
    get windowBytes() {
      return link.flow.windowBytes;
    },
    get treeBytes() {
      return link.flow.treeBytes;
    },
    get usefulFrame() {
      return link.flow.segmentBytes + HEAD_BYTES;
    },
    maxFrame: Math.min(MAX_FRAME, ...wires.map((wire) => wire.maxPayload)),
    get counts() {
      return {
        oversized: sum(wires.map((wire) => wire.oversized)),
        reconnects: sum(wires.map((wire) => wire.reconnects)),
      };
    },
    listen: (to) => {
      receiver = to;
    },
    send(to, lane, head, body) {
      const place = lane === APART ? 0 : 1 + lane % link.flow.lanes;
      wires[place]!.publish(
        pubLine(subject(to, place), head.length + body.length),
        head,
        body,
      );
    },
    async openLanes(count) {
      for (let place = wires.length; place <= count; place++) {
        wires.push(await open(place));
      }
    },
    close: async () => {
      receiver = undefined;
      await Promise.all(wires.map((wire) => wire.close()));
    },
  };
  return link;
}

/** All connections; when one cannot be made the others are closed, late ones too. */
async function allOrNone(opening: Promise<NatsWire>[]): Promise<NatsWire[]> {
  try {
    return await Promise.all(opening);
  } catch (error) {
    await Promise.allSettled(
      opening.map(async (wire) => await (await wire).close()),
    );
    throw error;
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
