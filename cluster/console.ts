import type { Env } from "../src/env/mod.ts";
import { displayWidth, printable } from "./printable.ts";

/** Least time between two redraws of the progress line, in ms. */
const REDRAW_MS = 100;
/** Time between progress lines where the line cannot be redrawn, in ms. */
const PLAIN_MS = 5000;

/** How a verb is started, as hints say it: `deno task VERB`. */
const VERB = /\bdeno task (?=[a-z])/g;
/** What takes its place where no Deno is on the PATH: `sh cluster/run.sh VERB`. */
const COMMAND = "SIGNET_COMMAND";

/** Width of a terminal that does not tell. */
const COLUMNS = 80;

const encoder = new TextEncoder();

function writeAll(stream: typeof Deno.stdout, text: string): void {
  let bytes = encoder.encode(text);
  while (bytes.length > 0) {
    try {
      bytes = bytes.subarray(stream.writeSync(bytes));
    } catch (error) {
      // Whoever read the output has gone; the run goes on for its files.
      if (error instanceof Deno.errors.BrokenPipe) return;
      throw error;
    }
  }
}

export interface ConsoleOptions {
  /** Only results and errors. */
  quiet?: boolean;
}

/**
 * The terminal: results on stdout, everything else on stderr.
 *
 * On a terminal the progress line is redrawn in place; elsewhere it is printed
 * now and then.
 */
export class Console {
  readonly #env: Env;
  readonly #quiet: boolean;
  readonly #live: boolean;
  readonly #command: string | undefined;
  #drawn = -Infinity;
  #topic = "";
  /** Characters of the progress line on the screen. */
  #shown = 0;

  constructor(env: Env, options: ConsoleOptions = {}) {
    this.#env = env;
    this.#quiet = options.quiet ?? false;
    this.#command = Deno.env.get(COMMAND);
    this.#live = Deno.stderr.isTerminal() && Deno.env.get("TERM") !== "dumb";
  }

  /** A line of the result. */
  result(line: string): void {
    this.#clear();
    writeAll(Deno.stdout, `${line}\n`);
  }

  /** A line about what is being done. */
  note(line: string): void {
    if (!this.#quiet) this.urgent(printable(line));
  }

  /** A line that is shown even when quiet. */
  urgent(line: string): void {
    this.#clear();
    const lines = this.#asStarted(line).split("\n").map(printable);
    writeAll(Deno.stderr, `${lines.join("\n")}\n`);
  }

  #asStarted(line: string): string {
    const command = this.#command;
    return command === undefined
      ? line
      : line.replace(VERB, () => `${command} `);
  }

  /**
   * The state of `topic`, replacing the one before. `last` keeps the line and
   * shows it whatever the time.
   */
  progress(topic: string, line: string, last = false): void {
    if (this.#quiet) return;
    const now = this.#env.clock.now();
    const wait = this.#live ? REDRAW_MS : PLAIN_MS;
    if (!last && topic === this.#topic && now - this.#drawn < wait) return;
    this.#drawn = now;
    this.#topic = topic;
    if (!this.#live) {
      writeAll(Deno.stderr, `${line}\n`);
      return;
    }
    const cut = line.slice(0, columns() - 1);
    writeAll(Deno.stderr, `\r\x1b[K${cut}${last ? "\n" : ""}`);
    this.#shown = last ? 0 : cut.length;
  }

  #clear(): void {
    if (this.#shown > 0) writeAll(Deno.stderr, "\r\x1b[K");
    this.#shown = 0;
    this.#drawn = -Infinity;
  }
}

function columns(): number {
  try {
    const { columns } = Deno.consoleSize();
    return columns > 0 ? columns : COLUMNS;
  } catch {
    return COLUMNS;
  }
}

/** `0:04:21` from milliseconds. */
export function clockTime(ms: number): string {
  const total = Math.max(0, Math.round(ms / 1000));
  const two = (value: number) => String(value).padStart(2, "0");
  return `${Math.floor(total / 3600)}:${two(Math.floor(total / 60) % 60)}:${
    two(total % 60)
  }`;
}

/** Rows with columns aligned: the first to the left, the others to the right. */
export function table(rows: readonly (readonly string[])[]): string[] {
  const widths: number[] = [];
  const shown = rows.map((row) =>
    row.map((cell, i) => {
      const text = printable(cell);
      const width = displayWidth(text);
      widths[i] = Math.max(widths[i] ?? 0, width);
      return { text, width };
    })
  );
  return shown.map((row) =>
    row.map(({ text, width }, i) => {
      const space = " ".repeat(widths[i]! - width);
      return i === 0 ? text + space : space + text;
    }).join("  ").trimEnd()
  );
}
