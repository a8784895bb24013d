import { realEnv } from "../env/mod.ts";

/** What a formatter of {@linkcode ProgressBar} sees. */
export interface ProgressBarFormatter {
  /** Milliseconds since the bar was made. */
  time: number;
  value: number;
  max: number;
  /** The bar itself, such as `[####----]`. */
  progressBar: string;
}

/** Options of {@linkcode ProgressBar}. */
export interface ProgressBarOptions {
  /** Where to draw; the published class falls back to the terminal. */
  writable: WritableStream<Uint8Array>;
  max: number;
  value?: number;
  barLength?: number;
  fillChar?: string;
  emptyChar?: string;
  /** Remove the bar when it stops. */
  clear?: boolean;
  /** Leave `writable` open when it stops. */
  keepOpen?: boolean;
  formatter?: (formatter: ProgressBarFormatter) => string;
}

const REDRAW_MS = 100;
const CLEAR_LINE = "\r\x1b[K";

/**
 * One line that follows `value`, redrawn ten times a second and only when it
 * changed. Same names as in `@std/cli`'s progress bar.
 */
export class ProgressBar {
  value: number;
  max: number;
  readonly #options: ProgressBarOptions;
  readonly #writer: WritableStreamDefaultWriter<Uint8Array>;
  readonly #start = realEnv.clock.now();
  readonly #cancel: () => void;
  #shown = "";
  #written: Promise<void> = Promise.resolve();

  constructor(options: ProgressBarOptions) {
    this.#options = options;
    this.value = options.value ?? 0;
    this.max = options.max;
    this.#writer = options.writable.getWriter();
    this.#cancel = realEnv.timers.every(REDRAW_MS, () => this.#draw());
    this.#draw();
  }

  #line(): string {
    const { barLength = 50, fillChar = "#", emptyChar = "-", formatter } =
      this.#options;
    const share = this.max > 0 ? this.value / this.max : 1;
    const filled = Math.round(Math.min(1, Math.max(0, share)) * barLength);
    const progressBar = `[${fillChar.repeat(filled)}${
      emptyChar.repeat(barLength - filled)
    }]`;
    const time = realEnv.clock.now() - this.#start;
    const view = { time, value: this.value, max: this.max, progressBar };
    return formatter?.(view) ?? `${progressBar} ${this.value}/${this.max}`;
  }

  #draw(): void {
    const line = this.#line();
    if (line === this.#shown) return;
    this.#shown = line;
    this.#write(CLEAR_LINE + line);
  }

  #write(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.#written = this.#written.then(() => this.#writer.write(bytes))
      // A terminal that went away must not end the work that the bar shows.
      .catch(() => {});
  }

  /** Draws the last state and gives the stream back. */
  async stop(): Promise<void> {
    this.#cancel();
    this.#draw();
    this.#write(this.#options.clear ? CLEAR_LINE : "\n");
    await this.#written;
    if (this.#options.keepOpen ?? true) this.#writer.releaseLock();
    else await this.#writer.close();
  }
}
