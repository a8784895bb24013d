import type { Env } from "../../src/env/mod.ts";
import type { Messenger } from "../links/mod.ts";
import {
  accept,
  type Answer,
  answer,
  MAX_TEXT,
  type Report,
  REPORT_RETRY_MS,
  type Subjects,
} from "../protocol.ts";

/** Tells the coordinator something until it has heard it. */
export class Reporter {
  readonly #env: Env;
  readonly #messenger: Messenger;
  readonly #subject: string;

  constructor(env: Env, messenger: Messenger, subjects: Subjects) {
    this.#env = env;
    this.#messenger = messenger;
    this.#subject = subjects.report;
  }

  /**
   * Resolves with the answer; reports may be repeated, the coordinator drops
   * the second. Ends with the signal, at the latest.
   */
  async report(report: Report, signal: AbortSignal): Promise<Answer> {
    while (true) {
      signal.throwIfAborted();
      const from = this.#env.clock.now();
      const reply = await this.#messenger.request(
        this.#subject,
        report,
        REPORT_RETRY_MS,
      ).catch(() => undefined);
      const valid = accept(answer, reply);
      if (valid !== undefined) return valid;
      const left = REPORT_RETRY_MS - (this.#env.clock.now() - from);
      await this.#env.timers.sleep(Math.max(50, left), signal);
    }
  }
}

/** Text that fits a message. */
export function clip(text: string): string {
  return text.length > MAX_TEXT ? `${text.slice(0, MAX_TEXT - 1)}…` : text;
}
