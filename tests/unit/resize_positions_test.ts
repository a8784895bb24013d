import { deepStrictEqual, throws } from "node:assert";
import { resizePositions } from "../../src/model/resize_positions.ts";
import { assertClose, gaussian } from "../helpers/mod.ts";

/** Values of an affine function of the cell centres in [0, 1], one prefix row of 9. */
function plane(grid: number): Float32Array<ArrayBuffer> {
  const values = [9, 9];
  for (let y = 0; y < grid; y++) {
    for (let x = 0; x < grid; x++) {
      values.push((x + 0.5) / grid, 2 * (y + 0.5) / grid);
    }
  }
  return Float32Array.from(values);
}

Deno.test("resizePositions() copies when the grid stays", () => {
  const positions = gaussian((2 + 9) * 4, { seed: 1 });
  const resized = resizePositions(positions, {
    prefix: 2,
    oldGrid: 3,
    newGrid: 3,
    dim: 4,
  });
  deepStrictEqual(resized, positions);
  deepStrictEqual(resized.buffer === positions.buffer, false);
});

for (const antialias of [false, true]) {
  for (const [oldGrid, newGrid] of [[3, 5], [8, 3], [1, 4]] as const) {
    Deno.test(`resizePositions() keeps constants and prefix from ${oldGrid} to ${newGrid} with antialias ${antialias}`, () => {
      const positions = new Float32Array((1 + oldGrid ** 2) * 2).fill(0.25);
      positions.set([7, 8]);
      const resized = resizePositions(positions, {
        prefix: 1,
        oldGrid,
        newGrid,
        dim: 2,
        antialias,
      });
      const expected = new Float32Array((1 + newGrid ** 2) * 2).fill(0.25);
      expected.set([7, 8]);
      assertClose(resized, expected, { atol: 1e-6 });
    });
  }
}

Deno.test("resizePositions() keeps an affine function between the edges", () => {
  for (const antialias of [false, true]) {
    const resized = resizePositions(plane(16), {
      prefix: 1,
      oldGrid: 16,
      newGrid: 8,
      dim: 2,
      antialias,
    });
    const expected = plane(8);
    for (let y = 2; y < 6; y++) {
      const start = 2 * (1 + y * 8 + 2);
      assertClose(
        resized.subarray(start, start + 8),
        expected.subarray(start, start + 8),
        { atol: 1e-6 },
      );
    }
  }
});

Deno.test("resizePositions() weighs four cells with a = -0.75 in the middle", () => {
  // 2 -> 1: the centre lies between both cells, edges clamped: plain mean.
  const mean = resizePositions(Float32Array.of(1, 2, 3, 6), {
    prefix: 0,
    oldGrid: 2,
    newGrid: 1,
    dim: 1,
  });
  assertClose(mean, [3], { atol: 1e-6 });
  // 4 -> 2: centres 0.5 and 2.5, so weights -3/32, 19/32, 19/32, -3/32.
  const line = [0, 0, 1, 0];
  const resized = resizePositions(
    Float32Array.from([line, line, line, line].flat()),
    { prefix: 0, oldGrid: 4, newGrid: 2, dim: 1 },
  );
  assertClose(resized, [-3 / 32, 19 / 32, -3 / 32, 19 / 32], { atol: 1e-6 });
});

Deno.test("resizePositions() names the sizes when they do not fit", () => {
  throws(
    () =>
      resizePositions(new Float32Array(11), {
        prefix: 1,
        oldGrid: 3,
        newGrid: 2,
        dim: 1,
      }),
    /11 values, expected \(1 \+ 3\^2\) \* 1/,
  );
});
