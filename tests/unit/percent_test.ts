import { strictEqual } from "node:assert";
import { evaluateLogits, percent } from "../../src/evaluation/mod.ts";

Deno.test("percent() shows equal figures alike, however they were summed", () => {
  strictEqual(percent(0.7855), "78.6 %");
  strictEqual(percent(0.7855000000000001), "78.6 %");
  strictEqual(percent(0.8305), "83.1 %");
  strictEqual(percent(0.78549), "78.5 %");
  strictEqual(percent(-0.2275), "-22.8 %");
  strictEqual(percent(-0.0001), "0.0 %");
  strictEqual(percent(1), "100.0 %");
});

Deno.test("evaluateLogits() counts the first k exactly", () => {
  const rows = 2000;
  const logits = new Float64Array(2 * rows);
  for (let row = 0; row < rows; row++) logits[2 * row] = row < 23 ? -1 : 1;
  const { topK } = evaluateLogits(logits, new Int32Array(rows), 2);
  strictEqual(topK[1], 0.9885);
  strictEqual(topK[2], 1);
});
