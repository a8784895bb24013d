import type { FrameHead } from "../links/mod.ts";
import { signatureOf } from "./call.ts";
import type { Context } from "./context.ts";
import { decodeText, encodeText, mismatch } from "./frames.ts";

export interface CallCheckOptions {
  rank: number;
  /** Tells a rank which call this one made. */
  query(
    to: number,
    about: { context: number; operation: number; text: Uint8Array },
  ): void;
  /** The calls of two ranks differ. */
  fail(error: Error): void;
}

/**
 * Finds out when ranks make different calls: frames carry a signature of theirs,
 * and who gets a strange one asks its sender with the name of the own call. The
 * sender compares, and says to all who called what.
 */
export class CallCheck {
  readonly #options: CallCheckOptions;
  /** The first frame of each call that another rank has made before this one. */
  readonly #early = new Map<string, FrameHead>();
  /** Frames of other calls than those made here; asked about until the end. */
  readonly #strangers: { context: Context; head: FrameHead }[] = [];

  constructor(options: CallCheckOptions) {
    this.#options = options;
  }

  /** Remembers a frame of a call that has not been made here yet. */
  keep(head: FrameHead): void {
    const key = `${head.context}/${head.operation}`;
    if (!this.#early.has(key)) this.#early.set(key, head);
  }

  /** A call has been made here: was it the one that others made before? */
  enter(context: Context, operation: number): void {
    const key = `${context.id}/${operation}`;
    const head = this.#early.get(key);
    this.#early.delete(key);
    if (head !== undefined && !this.matches(context, head)) {
      this.#strangers.push({ context, head });
    }
  }

  /** Whether a frame belongs to the call made here; if not, its sender is told. */
  matches(context: Context, head: FrameHead): boolean {
    const mine = context.describe(head.operation);
    if (mine === undefined) return true;
    const signature = context.operations.get(head.operation)?.signature ??
      signatureOf(mine);
    if (signature === head.signature) return true;
    this.#options.query(head.from, {
      context: context.id,
      operation: head.operation,
      text: encodeText(mine),
    });
    return false;
  }

  /** Another rank tells of its call: was it the same one here? */
  onQuery(
    context: Context | undefined,
    head: FrameHead,
    text: Uint8Array,
  ): void {
    const mine = context?.describe(head.operation);
    const theirs = decodeText(text);
    if (theirs === "" || mine === undefined || mine === theirs) return;
    this.#options.fail(mismatch(
      head.operation,
      { rank: this.#options.rank, call: mine },
      { rank: head.from, call: theirs },
    ));
  }

  tick(): void {
    for (const { context, head } of this.#strangers) {
      this.matches(context, head);
    }
  }
}
