import { deepStrictEqual, ok } from "node:assert";
import {
  type Death,
  type MortalRun,
  runMortal,
  writeTinyCifar,
} from "../helpers/mod.ts";

const images = 24 * 4;
const PHASES = ["teacher", "distill", "selfTrain"] as const;

/** Each phase gathers, sums or labels in a way of its own. */
const CONFIG = {
  student: { distilled: true },
  evaluation: { everySteps: 2 },
  phases: {
    teacher: { images: 48 },
    distill: {
      images,
      soft: 0.5,
      labels: 0.5,
      relationalDistance: 2,
      relationalAngle: 4,
    },
    classify: { enabled: false },
    selfTrain: { images, method: "freematch", rounds: 0 },
  },
};

/** Checks that both wrote the same lines, with losses that differ by rounding. */
function checkAlike(lossy: MortalRun, calm: MortalRun, tolerance: number) {
  const keys = ({ metrics }: MortalRun) =>
    metrics.map(({ phase, step, split }) => `${phase} ${step} ${split}`);
  deepStrictEqual(keys(lossy), keys(calm));
  lossy.metrics.forEach(({ loss }, i) => {
    const calmly = calm.metrics[i]!.loss as number;
    ok(
      Math.abs(loss as number - calmly) < tolerance * calmly,
      `${keys(calm)[i]}: ${loss} instead of ${calmly}`,
    );
  });
}

Deno.test("runPhase() goes on without the ranks that are lost, wherever they are in it", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-" });
  try {
    const data = `${folder}/data`;
    await writeTinyCifar(data, { train: 12, test: 4 });
    const run = (name: string, deaths: readonly Death[]) =>
      runMortal({
        ranks: 3,
        deaths,
        folder: `${folder}/${name}`,
        data,
        phases: PHASES,
        config: CONFIG,
      });
    const calm = await run("calm", []);
    // In the last exchange of a phase that is tested already, then in mid-step:
    // each time the rank that writes.
    const lossy = await run("lossy", [
      {
        rank: 0,
        phase: "distill",
        exchange: calm.exchanges.distill!.length - 1,
      },
      {
        rank: 1,
        phase: "selfTrain",
        exchange: calm.exchanges.selfTrain!.length >> 1,
      },
    ]);
    deepStrictEqual(lossy.left, [2]);
    checkAlike(lossy, calm, 2e-3);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("runPhase() repeats no step whose weights have changed when the owner of others is lost", async () => {
  const folder = await Deno.makeTempDir({ prefix: "signet-" });
  try {
    const data = `${folder}/data`;
    await writeTinyCifar(data, { train: 12, test: 4 });
    const run = async (name: string, deaths: readonly Death[]) => {
      const own = `${folder}/${name}`;
      await Deno.mkdir(own);
      await Deno.writeTextFile(`${own}/shares.json`, '{"weights":[1,1]}');
      return await runMortal({
        ranks: 2,
        deaths,
        folder: own,
        data,
        phases: ["teacher"],
        config: { mixed: true, phases: { teacher: { images } } },
      });
    };
    const calm = await run("calm", []);
    // At the end of each step all gather the owners' weights.
    const exchange = calm.exchanges.teacher!.flatMap((name, i) =>
      name === "allGather" ? [i] : []
    )[2]!;
    const lossy = await run("lossy", [{ rank: 0, phase: "teacher", exchange }]);
    checkAlike(lossy, calm, 1e-4);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});
