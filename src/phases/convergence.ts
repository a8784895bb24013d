import { RunFolder } from "../run/mod.ts";
import type { Context } from "./context.ts";

/** Last part of a phase, and the gain in it that says there was more to come. */
const LAST_PART = 0.25;
const GAIN = 0.02;

/** Warns, on rank 0, when ST-Class was still getting better as it ended. */
export async function warnUnlessConverged(
  { communicator, env, runFolder, log, device }: Context,
): Promise<void> {
  if (communicator.rank !== 0 || device.dry) return;
  const text = await new RunFolder(env.disk, runFolder)
    .readText("metrics.jsonl");
  const found = (text ?? "").split("\n").filter((line) => line !== "")
    .map((line) => JSON.parse(line) as Record<string, unknown>)
    .filter(({ phase, split }) =>
      phase === "classify" && split === "validation"
    )
    .map(({ step, accuracy }) => ({
      step: Number(step),
      accuracy: Number(accuracy),
    }));
  const last = found.at(-1);
  if (last === undefined) return;
  const until = last.step * (1 - LAST_PART);
  const before = found.filter(({ step }) => step <= until)
    .map(({ accuracy }) => accuracy);
  if (before.length === 0) return;
  const gain = last.accuracy - Math.max(...before);
  if (gain < GAIN) return;
  log(
    "warn",
    "self-training starts from a model that was still getting better: give phases.classify more images",
    { gain, in_last_steps: last.step - until },
  );
}
