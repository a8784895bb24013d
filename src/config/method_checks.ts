import type { Problem } from "./problems.ts";
import type { Config } from "./schema.ts";

/** Rules that couple the method of self-training with its other keys. */
export function checkSelfTrain({ phases }: Config): Problem[] {
  const { enabled, method, rounds, voters, mix, consistency, emaDecay } =
    phases.selfTrain;
  if (!enabled) return [];
  const problems: Problem[] = [];
  const complain = (key: string, message: string, cause = "method") =>
    problems.push({
      path: ["phases", "selfTrain", key],
      message,
      cause: ["phases", "selfTrain", cause],
    });
  const unlabelled = method === "pi-model" || method === "mean-teacher";
  const mixes = mix === "beta" || mix === "confidence" ||
    (mix === "auto" && (method === "remixmatch" || method === "semi-vit"));
  if (method === "noisy-student" && rounds === 0) {
    complain("rounds", "noisy-student labels in rounds: at least 1");
  }
  if (voters.length > 0 && unlabelled) {
    complain("voters", `nothing to vote on: ${method} makes no labels`);
  }
  if (mixes && unlabelled) {
    complain("mix", `${mix} mixes labels, and ${method} makes none`);
  }
  if (mixes && consistency > 0) {
    complain(
      "consistency",
      "compares two views of one image, and images are mixed: set mix=off",
      "mix",
    );
  }
  if (method === "mean-teacher" && emaDecay === 0) {
    complain("emaDecay", "0 leaves mean-teacher without its teacher");
  }
  return problems;
}
