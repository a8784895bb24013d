import { beginsFrame, HEAD_BYTES, senderOf } from "./frame.ts";
import {
  APART,
  type Flow,
  type LinkCounts,
  type LinkReceiver,
  type TunableLink,
} from "./link.ts";
import { SocketReader } from "./socket_reader.ts";
import { SocketWriter } from "./socket_writer.ts";

/**
 * In front of each frame: its length and the complement of it, so that a wrong
 * one is seen at once and not after a wait for what never comes.
 */
const LENGTH_BYTES = 8;
const QUEUE_BYTES = 64 * 1024 * 1024;
/** What suits the loopback. */
const DIRECT_FLOW: Flow = {
  lanes: 1,
  segmentBytes: 1024 * 1024,
  windowBytes: 8 * 1024 * 1024,
  treeBytes: 64 * 1024,
};
const SMALLEST_BUFFER = 64 * 1024;
/** Without an answer for so long, frames go over the fallback too, in ms. */
const DOUBT_MS = 5000;
/** Time for the answer to the first of these, in ms. */
const ANSWER_MS = 1000;

/** A TCP connection to one other rank. */
class Peer {
  readonly #socket: Deno.Conn;
  readonly #writer: SocketWriter;
  readonly #length = new Uint8Array(LENGTH_BYTES);
  alive = true;
  /** When the first frame was sent since something came back. */
  unansweredSince: number | undefined;
  /** When the first of them was sent over the fallback too. */
  doubtedSince: number | undefined;

  constructor(socket: Deno.Conn) {
    this.#socket = socket;
    this.#writer = new SocketWriter(socket, QUEUE_BYTES);
  }

  send(head: Uint8Array, body: Uint8Array): void {
    const bytes = head.length + body.length;
    if (!this.#writer.fits(LENGTH_BYTES + bytes)) return;
    const view = new DataView(this.#length.buffer);
    view.setUint32(0, bytes);
    view.setUint32(4, ~bytes);
    this.#writer.push(this.#length);
    this.#writer.push(head);
    if (body.length > 0) this.#writer.push(body);
  }

  /**
   * Hands every frame over until the connection ends. A block that is no frame
   * means that a length was wrong: nobody can tell where the next one begins.
   */
  async receive(
    maxFrame: number,
    onFrame: (bytes: Uint8Array) => void,
  ): Promise<void> {
    const reader = new SocketReader(this.#socket);
    const length = new Uint8Array(LENGTH_BYTES);
    let buffer = new Uint8Array(SMALLEST_BUFFER);
    try {
      for (;;) {
        await reader.fill(length);
        const view = new DataView(length.buffer);
        const bytes = view.getUint32(0);
        if (view.getInt32(4) !== ~bytes || bytes > maxFrame) break;
        if (bytes > buffer.length) {
          buffer = new Uint8Array(Math.min(maxFrame, 2 * bytes));
        }
        const frame = buffer.subarray(0, bytes);
        await reader.fill(frame);
        if (!beginsFrame(frame)) break;
        this.unansweredSince = this.doubtedSince = undefined;
        onFrame(frame);
      }
    } catch {
      // The connection has ended.
    }
    this.close();
  }

  close(): void {
    if (!this.alive) return;
    this.alive = false;
    this.#writer.close();
    this.#socket.close();
  }
}

/**
 * A link over TCP connections from rank to rank, once it has been given some.
 * Before that, to ranks without one and after it broke, frames go over
 * `fallback`.
 *
 * A connection may be dead though nobody says so. When nothing comes back, frames
 * travel over both; a rank that is still heard over the fallback alone is alive,
 * so its connection is not.
 */
export class DirectLink implements TunableLink {
  readonly rank: number;
  readonly size: number;
  readonly maxFrame: number;
  /** Whether frames use the connections. */
  enabled = true;
  readonly #fallback: TunableLink;
  readonly #onLost: (rank: number) => void;
  readonly #now: () => number;
  #flow = DIRECT_FLOW;
  #peers: (Peer | undefined)[] = [];
  #receiver: LinkReceiver | undefined;
  #closed = false;
  #lost = 0;

  constructor(
    fallback: TunableLink,
    { onLost, now }: {
      /** Told of each connection that breaks. */
      onLost: (rank: number) => void;
      now: () => number;
    },
  ) {
    this.#fallback = fallback;
    this.#onLost = onLost;
    this.#now = now;
    this.rank = fallback.rank;
    this.size = fallback.size;
    this.maxFrame = fallback.maxFrame;
  }

  /** Whether the connections are in use. */
  get isDirect(): boolean {
    return this.enabled && this.#peers.length > 0;
  }

  /** How the link in use now is used: this one or the fallback. */
  get flow(): Flow {
    return this.isDirect ? this.#flow : this.#fallback.flow;
  }

  set flow(flow: Flow) {
    if (this.isDirect) this.#flow = flow;
    else this.#fallback.flow = flow;
  }

  /** How both are used. */
  get flows(): { nats: Flow; direct: Flow } {
    return { nats: this.#fallback.flow, direct: this.#flow };
  }

  set flows({ nats, direct }: { nats: Flow; direct: Flow }) {
    this.#fallback.flow = nats;
    this.#flow = direct;
  }

  get lanes(): number {
    return this.flow.lanes;
  }

  get windowBytes(): number {
    return this.flow.windowBytes;
  }

  get treeBytes(): number {
    return this.flow.treeBytes;
  }

  get usefulFrame(): number {
    return this.flow.segmentBytes + HEAD_BYTES;
  }

  get counts(): LinkCounts {
    const { oversized, reconnects } = this.#fallback.counts;
    return { oversized, reconnects: reconnects + this.#lost };
  }

  /** Opens lanes of the fallback: a connection to a rank is one lane. */
  openLanes(count: number): Promise<void> {
    return this.#fallback.openLanes(count);
  }

  /** Takes over the connections; entry r leads to rank r. */
  attach(sockets: readonly (Deno.Conn | undefined)[]): void {
    this.#peers = sockets.map((socket) => socket && new Peer(socket));
    this.#peers.forEach(async (peer, rank) => {
      await peer?.receive(
        this.maxFrame,
        (bytes) => this.#receiver?.onFrame(bytes),
      );
      if (peer === undefined || this.#closed) return;
      this.#lost++;
      this.#onLost(rank);
      this.#receiver?.onRestored();
    });
  }

  listen(receiver: LinkReceiver): void {
    this.#receiver = receiver;
    this.#fallback.listen({
      onFrame: (bytes) => {
        if (this.#peers.length > 0) this.#heardElsewhere(senderOf(bytes));
        receiver.onFrame(bytes);
      },
      onRestored: () => receiver.onRestored(),
    });
  }

  send(to: number, lane: number, head: Uint8Array, body: Uint8Array): void {
    const peer = this.enabled ? this.#peers[to] : undefined;
    if (peer?.alive) {
      const now = this.#now();
      peer.unansweredSince ??= now;
      peer.send(head, body);
      if (now - peer.unansweredSince <= DOUBT_MS) return;
      peer.doubtedSince ??= now;
    }
    // Order in a lane tells what is lost, so what was one lane stays one.
    const same = lane === APART ? APART : lane % this.lanes;
    this.#fallback.send(to, same, head, body);
  }

  /** A rank sends over the fallback: has it given its connection up? */
  #heardElsewhere(rank = -1): void {
    const peer = this.#peers[rank];
    const { doubtedSince = Infinity } = peer ?? {};
    if (this.#now() - doubtedSince > ANSWER_MS) peer?.close();
  }

  /** Ends the connection to a rank, as if it had broken. */
  disconnect(rank: number): void {
    this.#peers[rank]?.close();
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#receiver = undefined;
    for (const peer of this.#peers) peer?.close();
    await this.#fallback.close();
  }
}
