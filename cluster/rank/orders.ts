import type { Messenger } from "../links/mod.ts";
import { accept, type Command, command, type Regroup } from "../protocol.ts";
import type { Life } from "./life.ts";

/** The coordinator's commands: each once, in order, whatever the wire does. */
export class Orders {
  readonly #life: Life;
  readonly #onRegroup: (order: Regroup) => void;
  readonly #waiting: Command[] = [];
  #wake: (() => void) | undefined;
  #stop = false;

  constructor(
    messenger: Messenger,
    subject: string,
    { life, onAbort, onRegroup }: {
      life: Life;
      /** Called at once, whatever the rank is doing. */
      onAbort: (reason: string) => void;
      /** Likewise; {@linkcode next} returns the order too. */
      onRegroup: (order: Regroup) => void;
    },
  ) {
    this.#life = life;
    this.#onRegroup = onRegroup;
    messenger.subscribe(subject, (message) => {
      const valid = accept(command, message);
      if (valid?.order.kind === "abort") onAbort(valid.order.reason);
      else if (valid !== undefined) this.#take(valid);
    });
  }

  /** A stop was ordered for the phase in progress. */
  get stopRequested(): boolean {
    return this.#stop;
  }

  /** To meet the others, the next phase, a change of the ranks, or to leave. */
  async next(): Promise<Command> {
    while (this.#waiting.length === 0) {
      this.#life.activity = "idle";
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    return this.#waiting.shift()!;
  }

  #take({ sequence, order }: Command): void {
    // A gap means a lost command: the coordinator sends both again.
    if (sequence !== this.#life.seen + 1) return;
    this.#life.seen = sequence;
    if (order.kind === "regroup") this.#onRegroup(order);
    if (order.kind === "stop") this.#stop = true;
    else this.#waiting.push({ sequence, order });
    this.#wake?.();
  }
}
