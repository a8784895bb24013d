import { nearest } from "../../src/config/mod.ts";
import { ConfigError } from "../../src/env/mod.ts";

/**
 * Milliseconds of a step by phase: `640` for all, or `teacher=640,distill=187`.
 *
 * @param phases Those of the run; each needs a time.
 */
export function stepTimes(
  text: string,
  phases: readonly string[],
): Map<string, number> {
  const wrong = (why: string, hint?: string) =>
    new ConfigError(
      `Cannot use --step-ms ${text}: ${why}`,
      hint === undefined ? {} : { hint },
    );
  const parse = (time: string, of: string): number => {
    const value = Number(time);
    if (value > 0 && value < Infinity) return value;
    throw wrong(`${of} is no number above 0`);
  };
  if (!text.includes("=")) {
    const all = parse(text, "it");
    return new Map(phases.map((phase) => [phase, all]));
  }
  const times = new Map<string, number>();
  for (const part of text.split(",")) {
    const equals = part.indexOf("=");
    const phase = part.slice(0, Math.max(0, equals));
    if (!phases.includes(phase)) {
      const meant = nearest(phase, phases);
      throw wrong(
        phase === ""
          ? `"${part}" is no phase=milliseconds`
          : `the run has no phase ${phase}`,
        meant === undefined
          ? `phases: ${phases.join(" ")}`
          : `did you mean ${meant}?`,
      );
    }
    if (times.has(phase)) throw wrong(`${phase} occurs twice`);
    times.set(phase, parse(part.slice(equals + 1), `that of ${phase}`));
  }
  const left = phases.filter((phase) => !times.has(phase));
  if (left.length > 0) throw wrong(`no time of ${left.join(", ")}`);
  return times;
}
