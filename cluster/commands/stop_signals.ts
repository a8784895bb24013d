import { realEnv } from "../../src/env/mod.ts";
import type { Console } from "../console.ts";
import { hasTerminal } from "../terminal.ts";
import type { StopRequest } from "../coordinator/mod.ts";
import { COORDINATOR_LOST_MS } from "../protocol.ts";

const SIGNALS = [
  ["SIGINT", 130],
  ["SIGTERM", 75],
  ["SIGUSR2", 75],
] as const;

/** The terminal is gone. */
const HANG_UP = ["SIGHUP", 75] as const;

/**
 * Signals this close together are one: `deno task` passes Ctrl-C on to a child
 * that has got it from the terminal already, and schedulers signal groups.
 */
const ECHO_MS = 500;

/** Longest time between a second signal and the end, in ms. */
const AT_ONCE_MS = 10_000;

/** Signals that ask for an early end, kept until someone can act on them. */
export class StopSignals implements Disposable {
  readonly #terminal: Console;
  readonly #undo: (() => void)[] = [];
  readonly #onRequest: (request: StopRequest) => void;
  readonly #early: StopRequest[] = [];
  #last = -Infinity;
  #count = 0;
  #stop: ((request: StopRequest) => void) | undefined;

  /** @param onRequest Hears of each at once, whether or not someone can act on it. */
  constructor(terminal: Console, onRequest: (request: StopRequest) => void) {
    this.#terminal = terminal;
    this.#onRequest = onRequest;
    const heeded = hasTerminal() ? [...SIGNALS, HANG_UP] : SIGNALS;
    for (const [signal, code] of heeded) {
      const listener = () => {
        const now = realEnv.clock.now();
        if (now - this.#last < ECHO_MS) return;
        this.#last = now;
        this.ask({ code, cause: signal });
      };
      this.#listen(signal, listener);
    }
    this.#listen("SIGTSTP", () => this.#pause());
  }

  #listen(signal: Deno.Signal, listener: () => void): void {
    Deno.addSignalListener(signal, listener);
    this.#undo.push(() => Deno.removeSignalListener(signal, listener));
  }

  /** Ctrl-Z pauses this process alone: the ranks have a session of their own. */
  #pause(): void {
    this.#terminal.urgent(
      `pause  the ranks go on, and give up unless fg or bg comes within ${
        COORDINATOR_LOST_MS / 1000
      } s`,
    );
    Deno.kill(Deno.pid, "SIGSTOP");
  }

  /** As a signal would; what is no signal ends nothing at once. */
  ask(request: StopRequest): void {
    this.#onRequest(request);
    if (!request.automatic) this.#count++;
    if (this.#count === 2) this.#endSoon(request.code);
    if (this.#stop) this.#stop(request);
    else if (this.#count > 1) realEnv.exit(request.code);
    else this.#early.push(request);
  }

  /** Ranks and server end with this process. */
  #endSoon(code: number): void {
    realEnv.timers.after(AT_ONCE_MS, () => {
      this.#terminal.urgent(
        `error: Cannot end in order: something hangs for ${
          AT_ONCE_MS / 1000
        } s, such as a lost disk`,
      );
      realEnv.exit(code);
    });
  }

  forward(stop: (request: StopRequest) => void): void {
    this.#stop = stop;
    for (const request of this.#early) stop(request);
  }

  [Symbol.dispose](): void {
    for (const undo of this.#undo) undo();
  }
}
