import type { Control } from "../links/mod.ts";
import { accept, command, type Order, type Subjects } from "../protocol.ts";
import type { Life } from "./life.ts";

/** The coordinator's commands: each once, in order, whatever the wire does. */
export class Orders {
  readonly #life: Life;
  readonly #waiting: { sequence: number; order: Order }[] = [];
  #wake: (() => void) | undefined;
  #stop = false;

  constructor(
    control: Control,
    subjects: Subjects,
    { rank, life, onAbort }: {
      rank: number;
      life: Life;
      /** Called at once, whatever the rank is doing. */
      onAbort: (reason: string) => void;
    },
  ) {
    this.#life = life;
    control.subscribe(subjects.command(rank), (message) => {
      const valid = accept(command, message);
      if (valid === undefined) return;
      const { sequence, order } = valid;
      if (order.kind === "abort") return onAbort(order.reason);
      // A gap means a lost command: the coordinator sends both again.
      if (sequence !== life.seen + 1) return;
      life.seen = sequence;
      if (order.kind === "stop") this.#stop = true;
      else this.#waiting.push({ sequence, order });
      this.#wake?.();
    });
  }

  /** A stop was ordered for the phase in progress. */
  get stopRequested(): boolean {
    return this.#stop;
  }

  /** The next phase, or the order to leave. */
  async next(): Promise<{ sequence: number; order: Order }> {
    while (this.#waiting.length === 0) {
      this.#life.activity = "idle";
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      await promise;
    }
    return this.#waiting.shift()!;
  }
}
