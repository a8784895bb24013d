import { clip, type Reporter } from "./reporter.ts";

/** Warnings of one life of a rank beyond these stand in its log alone. */
const MOST_TOLD = 20;

/** Tells the coordinator, and so the console and the report, what a rank warns of. */
export class Warnings {
  readonly #rank: number;
  readonly #told = new Set<string>();
  #reporter: Reporter | undefined;

  constructor(rank: number) {
    this.#rank = rank;
  }

  /** The coordinator can be reached: it hears what was said before, too. */
  connect(reporter: Reporter): void {
    this.#reporter = reporter;
    for (const message of this.#told) this.#report(message);
  }

  /** Tells each text once; nobody waits for it. */
  tell(message: string): void {
    if (this.#told.size === MOST_TOLD || this.#told.has(message)) return;
    const last = this.#told.size === MOST_TOLD - 1;
    const text = last
      ? `${message}; more may stand in logs/rank-${this.#rank}.jsonl`
      : message;
    this.#told.add(text);
    this.#report(text);
  }

  #report(message: string): void {
    const never = new AbortController().signal;
    this.#reporter?.report({
      kind: "warning",
      rank: this.#rank,
      message: clip(message),
    }, never).catch(() => {});
  }
}
