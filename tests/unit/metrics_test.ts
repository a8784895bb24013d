import { deepStrictEqual, ok, strictEqual, throws } from "node:assert";
import {
  areaUnderRoc,
  evaluateLogits,
  totalVariation,
} from "../../src/evaluation/mod.ts";
import { readSafetensors, toFloat32 } from "../../src/run/mod.ts";
import { assertClose } from "../helpers/mod.ts";

function fixture(name: string) {
  return readSafetensors(
    Deno.readFileSync(`tests/fixtures/${name}.safetensors`),
    name,
  ).tensors;
}

/** Our value under the fixture's name. */
function figureOf(
  result: ReturnType<typeof evaluateLogits>,
  name: string,
): ArrayLike<number> {
  const [head, part] = name.split(".") as [string, string | undefined];
  const top = /^top(\d+)$/.exec(head);
  if (top) return [result.topK[Number(top[1])]!];
  const key = ({
    pred: "predictions",
    prob: "probabilities",
    balanced_accuracy: "balancedAccuracy",
  } as Record<string, string>)[head] ?? head;
  let value = (result as unknown as Record<string, unknown>)[key];
  if (part !== undefined) value = (value as Record<string, unknown>)[part];
  ok(value !== undefined, `no figure for ${name}`);
  return typeof value === "number" ? [value] : value as ArrayLike<number>;
}

for (const name of ["balanced", "skewed", "tiny"]) {
  Deno.test(`evaluateLogits() matches every figure of the ${name} fixture`, () => {
    const tensors = fixture("metrics");
    const logits = tensors.get(`${name}.in.logits`)!;
    const result = evaluateLogits(
      toFloat32(logits),
      toFloat32(tensors.get(`${name}.in.label`)!),
      logits.shape[1]!,
    );
    let compared = 0;
    for (const [key, tensor] of tensors) {
      if (!key.startsWith(`${name}.`) || key.includes(".in.")) continue;
      const figure = key.slice(name.length + 1);
      assertClose(figureOf(result, figure), toFloat32(tensor), {
        rtol: 2e-7,
        atol: 1e-9,
      }, key);
      compared++;
    }
    strictEqual(compared, 27);
  });
}

Deno.test("totalVariation() matches the losses fixture", () => {
  const tensors = fixture("losses");
  const expected = toFloat32(tensors.get("loss.total_variation")!);
  const student = tensors.get("in.student")!;
  const value = totalVariation(
    toFloat32(student),
    toFloat32(tensors.get("in.teacher")!),
    student.shape[1]!,
  );
  assertClose([value], expected, { rtol: 2e-7 });
});

Deno.test("evaluateLogits() keeps nll finite when a probability underflows", () => {
  const result = evaluateLogits([1000, 0], [1], 2);
  strictEqual(result.nll, 1000);
  deepStrictEqual([...result.topK], [0, 0, 1]);
});

Deno.test("evaluateLogits() ranks equal logits by class", () => {
  const result = evaluateLogits([1, 1, 1, 1, 1, 1], [0, 2], 3);
  deepStrictEqual([...result.predictions], [0, 0]);
  deepStrictEqual([...result.topK], [0, 0.5, 0.5, 1]);
});

Deno.test("evaluateLogits() gives 0 for kappa and mcc when one class is all there is", () => {
  const result = evaluateLogits([1, 0, 1, 0], [0, 0], 2);
  deepStrictEqual([result.accuracy, result.kappa, result.mcc], [1, 0, 0]);
  ok(result.auc.class.every(Number.isNaN));
});

Deno.test("evaluateLogits() refuses rows and labels that do not fit", () => {
  throws(() => evaluateLogits([1, 2, 3], [0], 2), /3 values are no rows of 2/);
  throws(() => evaluateLogits([1, 2], [0, 1], 2), /1 rows .* 2 labels/);
  throws(() => evaluateLogits([], [], 2), /0 rows/);
  throws(() => evaluateLogits([1, 2], [2], 2), /label 2 is no class of 2/);
  throws(() => evaluateLogits([1, 2], [-1], 2), /label -1/);
});

Deno.test("areaUnderRoc() counts equal scores half and NaN as undefined", () => {
  const area = (scores: number[], positive: number[]) =>
    areaUnderRoc(Float64Array.from(scores), Uint8Array.from(positive));
  strictEqual(area([0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1]), 1);
  strictEqual(area([0.5, 0.5, 0.5], [0, 1, 0]), 0.5);
  strictEqual(area([0.1, 0.2], [1, 1]), NaN);
  strictEqual(area([NaN, 0.2], [1, 0]), NaN);
});
