/** `error` means that no run can work here. */
export type CheckStatus = "ok" | "warn" | "error";

/** One line of the doctor's report. */
export interface Check {
  /** What was looked at, one or two words. */
  name: string;
  status: CheckStatus;
  /** Of what is wrong, for `doctor --explain`. */
  code?: string;
  /** What was found, with the numbers. */
  detail: string;
  /** What to do about it; absent when all is well. */
  hint?: string;
  /** Figures for `--json`. */
  facts?: Record<string, unknown>;
}

/** Turns whatever `look` throws into a failed check, so that all others still run. */
export async function checked(
  name: string,
  look: () => Promise<Check | Check[]>,
): Promise<Check[]> {
  try {
    return [await look()].flat();
  } catch (error) {
    const hint = (error as { hint?: unknown }).hint;
    return [{
      name,
      status: "error",
      detail: error instanceof Error ? error.message : String(error),
      ...(typeof hint === "string" ? { hint } : {}),
    }];
  }
}
