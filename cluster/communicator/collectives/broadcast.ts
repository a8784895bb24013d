import {
  type Collective,
  type Piece,
  type Port,
  unexpected,
  wrap,
} from "./collective.ts";

/**
 * Copies the root's buffer to all ranks along a chain: root, root + 1, … Each
 * segment is passed on as it arrives, so the time hardly grows with the ranks.
 *
 * @throws {RangeError} If there is no rank `root`.
 */
export function broadcast(
  buffer: Float32Array,
  { rank, size, root }: { rank: number; size: number; root: number },
): Collective {
  if (!Number.isInteger(root) || root < 0 || root >= size) {
    throw new RangeError(
      `Cannot broadcast from rank ${root}: there are ${size} ranks`,
    );
  }
  return new Broadcast(buffer, wrap(rank - root, size));
}

class Broadcast implements Collective {
  readonly name = "broadcast";
  readonly buffer: Float32Array;
  /** Distance from the root along the chain. */
  readonly #place: number;
  #remaining: number;
  #sources: number[] = [];

  constructor(buffer: Float32Array, place: number) {
    this.buffer = buffer;
    this.#place = place;
    this.#remaining = place === 0 ? 0 : buffer.length;
  }

  get complete(): boolean {
    return this.#remaining === 0;
  }

  get sources(): readonly number[] {
    return this.#sources;
  }

  start(port: Port): void {
    if (this.#place > 0) this.#sources = [wrap(port.rank - 1, port.size)];
    else this.#passOn(port, 0, this.buffer.length);
  }

  receive(piece: Piece, port: Port): void {
    const { from, step, start, values } = piece;
    if (
      this.#place === 0 || step !== this.#place - 1 ||
      from !== this.#sources[0] || values.length > this.#remaining ||
      start + values.length > this.buffer.length
    ) throw unexpected(this.name, piece);
    this.buffer.set(values, start);
    this.#remaining -= values.length;
    this.#passOn(port, start, start + values.length);
  }

  #passOn(port: Port, start: number, end: number): void {
    if (this.#place + 1 < port.size) {
      port.send(wrap(port.rank + 1, port.size), this.#place, start, end);
    }
  }
}
