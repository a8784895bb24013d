import { Peer, PeerMissingError, type PeerName, PEERS } from "./peer.ts";

/** A peer that takes no part, and why. */
export interface Missing {
  readonly peer: string;
  readonly reason: string;
}

/** The peers of a run: those that answer, and those that do not. */
export class OpenPeers {
  readonly missing: Missing[] = [];
  readonly #open: Peer[] = [];
  readonly #require: boolean;
  readonly #log: (line: string) => void;

  constructor(options: { require: boolean; log: (line: string) => void }) {
    this.#require = options.require;
    this.#log = options.log;
  }

  get list(): readonly Peer[] {
    return [...this.#open];
  }

  /** Starts a peer by its own command, or by another. */
  async start(
    name: PeerName,
    start: () => Promise<Peer> = () => Peer.start(name),
  ): Promise<void> {
    try {
      this.#open.push(await start());
    } catch (error) {
      this.#drop(name, error);
    }
  }

  /** Asks a peer; one that fails is out from then on. */
  async ask(
    peer: Peer,
    request: Record<string, unknown>,
    seconds: number,
  ): Promise<Record<string, unknown> | undefined> {
    try {
      return await peer.request(request, seconds);
    } catch (error) {
      this.#drop(peer.name, error);
      return undefined;
    }
  }

  /** Starts a peer again, whose process has ended. */
  async restart(name: PeerName): Promise<Peer | undefined> {
    const index = this.missing.findIndex(({ peer }) => peer === name);
    await this.start(name);
    const peer = this.#open.find((peer) => peer.name === name);
    // It takes part after all.
    if (peer !== undefined && index >= 0) this.missing.splice(index, 1);
    return peer;
  }

  /** Ends a peer that does not do our work. */
  async exclude(peer: Peer, reason: string): Promise<void> {
    this.#drop(
      peer.name,
      new PeerMissingError(`Cannot compare with ${peer.name}: ${reason}`, {
        hint: "its model is in bench/peers",
        exitCode: 3,
      }),
    );
    await peer.close();
  }

  /** Ends all, when their work is done. */
  async closeAll(): Promise<void> {
    for (const peer of this.#open.splice(0)) await peer.close();
  }

  /** Takes a peer out for a reason that is printed. */
  #drop(name: string, error: unknown): void {
    if (!(error instanceof PeerMissingError)) throw error;
    const index = this.#open.findIndex((peer) => peer.name === name);
    if (index >= 0) this.#open.splice(index, 1);
    if (this.#require) throw error;
    this.missing.push({ peer: name, reason: error.message });
    this.#log(`${error.message}; ${error.hint}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.closeAll();
  }
}

/** Starts the peers, one after another; a missing one is told with its reason. */
export async function openPeers(
  { names = PEERS, require, log }: {
    names?: readonly PeerName[];
    /** A missing peer is an error. */
    require: boolean;
    log: (line: string) => void;
  },
): Promise<OpenPeers> {
  const peers = new OpenPeers({ require, log });
  for (const name of names) await peers.start(name);
  return peers;
}
