import {
  type Collective,
  type Piece,
  type Port,
  unexpected,
  wrap,
} from "./collective.ts";

/**
 * Completes when every rank has called it. Dissemination: in round k rank r tells
 * rank r + 2^k that it has heard, directly or not, of the 2^k ranks up to itself;
 * after log2 n rounds that is everybody.
 */
export function barrier(
  { rank, size }: { rank: number; size: number },
): Collective {
  return new Barrier(rank, size);
}

class Barrier implements Collective {
  readonly name = "barrier";
  readonly buffer = new Float32Array(1);
  readonly #rank: number;
  readonly #size: number;
  readonly #rounds: number;
  readonly #heard = new Set<number>();
  /** Rounds that all earlier rounds were heard for. */
  #round = 0;

  constructor(rank: number, size: number) {
    this.#rank = rank;
    this.#size = size;
    this.#rounds = Math.ceil(Math.log2(size));
  }

  get complete(): boolean {
    return this.#round === this.#rounds;
  }

  get sources(): readonly number[] {
    return this.complete ? [] : [this.#source(this.#round)];
  }

  start(port: Port): void {
    this.#tell(port);
  }

  receive(piece: Piece, port: Port): void {
    const { from, step, values } = piece;
    if (
      step >= this.#rounds || this.#heard.has(step) || values.length !== 1 ||
      from !== this.#source(step)
    ) throw unexpected(this.name, piece);
    this.#heard.add(step);
    while (this.#heard.has(this.#round)) {
      this.#round++;
      this.#tell(port);
    }
  }

  #source(round: number): number {
    return wrap(this.#rank - 2 ** round, this.#size);
  }

  #tell(port: Port): void {
    if (this.complete) return;
    const to = wrap(this.#rank + 2 ** this.#round, this.#size);
    port.send(to, this.#round, 0, 1);
  }
}
