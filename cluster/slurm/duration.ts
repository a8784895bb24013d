import { ConfigError } from "../../src/env/mod.ts";

/** What SLURM writes where there is no limit. */
const WITHOUT = /^(?:infinite|unlimited|n\/a|not_set|-1)$/i;

/**
 * Seconds of a time as SLURM reads and writes it: `minutes`, `minutes:seconds`,
 * `hours:minutes:seconds`, `days-hours[:minutes[:seconds]]`; `Infinity` for
 * no limit.
 *
 * @throws {ConfigError} If it is none.
 */
export function parseDuration(text: string): number {
  const trimmed = text.trim();
  if (WITHOUT.test(trimmed)) return Infinity;
  const match = /^(?:(\d{1,5})-)?(\d{1,7})(?::(\d{1,2}))?(?::(\d{1,2}))?$/.exec(
    trimmed,
  );
  if (match === null) {
    throw new ConfigError(`Cannot read the time "${text}"`, {
      hint: "times look like 90 (minutes), 4:00:00 or 1-12:00:00",
    });
  }
  const [, days, a, b, c] = match;
  const [first, second, third] = [a, b, c].map((part) => Number(part ?? 0));
  if (days !== undefined) {
    return Number(days) * 86_400 + first! * 3600 + second! * 60 + third!;
  }
  if (c !== undefined) return first! * 3600 + second! * 60 + third!;
  return first! * 60 + second!;
}

/** `1-02:03:04`, or `02:03:04` below a day, as SLURM reads it. */
export function formatDuration(seconds: number): string {
  const whole = Math.round(seconds);
  const two = (value: number) => String(Math.floor(value)).padStart(2, "0");
  const days = Math.floor(whole / 86_400);
  const clock = `${two(whole % 86_400 / 3600)}:${two(whole % 3600 / 60)}:${
    two(whole % 60)
  }`;
  return days > 0 ? `${days}-${clock}` : clock;
}
