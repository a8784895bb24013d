import { deepStrictEqual, throws } from "node:assert";
import { Device, type KernelForm } from "../../src/gpu/mod.ts";
import { relationalAngle, relationalDistance } from "../../src/ops/mod.ts";
import {
  type BatchLoss,
  relationalAngleReference,
  relationalDistanceReference,
} from "../../src/reference/mod.ts";
import { assertClose, gaussian } from "../helpers/mod.ts";

const FORMS: readonly KernelForm[] = ["register", "tiled"];

interface Case {
  rows: number;
  dim: number;
  teacherDim: number;
  /** Added to every feature: distances must not suffer from a large norm. */
  mean?: number;
  /** Copies this row onto the one after it. */
  equal?: number;
}

const CASES: readonly Case[] = [
  { rows: 2, dim: 3, teacherDim: 1 },
  { rows: 8, dim: 12, teacherDim: 20 },
  { rows: 13, dim: 33, teacherDim: 7, mean: 50 },
  { rows: 21, dim: 5, teacherDim: 64, equal: 4 },
  { rows: 70, dim: 9, teacherDim: 2 },
];

function features(options: Case) {
  const { rows, dim, teacherDim, mean = 0, equal } = options;
  const student = gaussian(rows * dim, { seed: rows, mean });
  const teacher = gaussian(rows * teacherDim, { seed: dim, scale: 3 });
  if (equal !== undefined) {
    student.copyWithin((equal + 1) * dim, equal * dim, (equal + 1) * dim);
  }
  return { student, teacher };
}

for (const form of FORMS) {
  Deno.test(`relational losses match the float64 reference in ${form} form`, async (t) => {
    using device = await Device.open({ form });
    for (const options of CASES) {
      const { rows, dim, teacherDim } = options;
      const { student, teacher } = features(options);
      const shape = { rows, dim, teacherDim };
      const ops = [
        [
          relationalDistance,
          relationalDistanceReference(student, teacher, shape),
        ],
        [
          relationalAngle,
          relationalAngleReference(student, teacher, {
            ...shape,
            equalRows: "zero",
          }),
        ],
      ] as const;
      for (const [op, expected] of ops) {
        for (const accumulate of [false, true]) {
          await t.step(
            `${op.name}() [${rows}, ${dim}] from [${rows}, ${teacherDim}]${
              accumulate ? " accumulated" : ""
            }`,
            () =>
              check(device, {
                op,
                student,
                teacher,
                expected,
                accumulate,
                dim,
              }),
          );
        }
      }
    }

    await t.step("ranks with rows of their own share the work", async () => {
      for (const options of CASES) {
        const { rows, dim, teacherDim } = options;
        const { student, teacher } = features(options);
        const shape = { rows, dim, teacherDim, equalRows: "zero" } as const;
        for (
          const [op, reference] of [
            [relationalDistance, relationalDistanceReference],
            [relationalAngle, relationalAngleReference],
          ] as const
        ) {
          await checkShares(device, {
            op,
            student,
            teacher,
            dim,
            expected: reference(student, teacher, shape),
          });
        }
      }
    });

    await t.step("relational losses are 0 for a single row", async () => {
      for (const op of [relationalDistance, relationalAngle]) {
        const loss = device.tensor([1], new Float32Array([7]));
        const dStudent = device.tensor([1, 3], new Float32Array(3).fill(7));
        device.run((program) =>
          op(program, {
            student: device.tensor([1, 3], new Float32Array([1, 2, 3])),
            teacher: device.tensor([1, 2], new Float32Array([1, 2])),
            loss,
            dStudent,
            scale: 1,
          })
        );
        deepStrictEqual([...await device.read(loss)], [0], op.name);
        deepStrictEqual([...await device.read(dStudent)], [0, 0, 0], op.name);
      }
    });

    await t.step(
      "relational losses are finite when all rows are equal",
      async () => {
        for (const op of [relationalDistance, relationalAngle]) {
          const loss = device.tensor([1]);
          const dStudent = device.tensor([5, 3]);
          device.run((program) =>
            op(program, {
              student: device.tensor([5, 3], new Float32Array(15).fill(0.3)),
              teacher: device.tensor([5, 2], gaussian(10, { seed: 3 })),
              loss,
              dStudent,
              scale: 1,
            })
          );
          const [value] = await device.read(loss);
          deepStrictEqual(Number.isFinite(value), true, op.name);
          deepStrictEqual(
            [...await device.read(dStudent)],
            new Array(15).fill(0),
          );
        }
      },
    );
  });
}

Deno.test("relationalAngle() follows the formula through equal rows when asked to", async () => {
  using device = await Device.open();
  const options = { rows: 7, dim: 5, teacherDim: 4, equal: 2 };
  const { student, teacher } = features(options);
  const loss = device.tensor([1]);
  const dStudent = device.tensor([7, 5]);
  device.run((program) =>
    relationalAngle(program, {
      student: device.tensor([7, 5], student),
      teacher: device.tensor([7, 4], teacher),
      loss,
      dStudent,
      scale: 1,
      equalRows: "clamped",
    })
  );
  const expected = relationalAngleReference(student, teacher, {
    ...options,
    equalRows: "clamped",
  });
  const largest = Math.max(...expected.gradient.map(Math.abs));
  assertClose(await device.read(dStudent), expected.gradient, {
    atol: largest * 1e-5,
  });
});

Deno.test("relationalDistance() names the shapes when the batches differ", async () => {
  using device = await Device.open();
  throws(
    () =>
      device.run((program) =>
        relationalDistance(program, {
          student: device.tensor([4, 3]),
          teacher: device.tensor([5, 3]),
          loss: device.tensor([1]),
          dStudent: device.tensor([4, 3]),
          scale: 1,
        })
      ),
    /student \[4,3\], teacher \[5,3\]/,
  );
});

async function check(device: Device, args: {
  op: typeof relationalDistance;
  student: Float32Array<ArrayBuffer>;
  teacher: Float32Array<ArrayBuffer>;
  expected: BatchLoss;
  accumulate: boolean;
  dim: number;
}): Promise<void> {
  const { op, student, teacher, expected, accumulate, dim } = args;
  const rows = student.length / dim;
  const loss = device.tensor([1]);
  const dStudent = device.tensor(
    [rows, dim],
    new Float32Array(student.length).fill(accumulate ? 1 : NaN),
  );
  device.run((program) =>
    op(program, {
      student: device.tensor([rows, dim], student),
      teacher: device.tensor([rows, teacher.length / rows], teacher),
      loss,
      dStudent,
      scale: 10,
      accumulate,
    })
  );
  assertClose(await device.read(loss), [expected.loss], {
    atol: 1e-9,
    rtol: 2e-5,
  });
  const largest = Math.max(...expected.gradient.map(Math.abs), 1e-3);
  assertClose(
    await device.read(dStudent),
    expected.gradient.map((g) => 10 * g + (accumulate ? 1 : 0)),
    { atol: 2e-4 * largest + 2e-7 },
    "gradient",
  );
}

/** Every one of three ranks computes its part of the loss and its rows of the gradient. */
async function checkShares(device: Device, args: {
  op: typeof relationalDistance;
  student: Float32Array<ArrayBuffer>;
  teacher: Float32Array<ArrayBuffer>;
  expected: BatchLoss;
  dim: number;
}): Promise<void> {
  const { op, student, teacher, expected, dim } = args;
  const rows = student.length / dim;
  const bounds = [0, Math.ceil(rows / 5), Math.ceil(rows / 2), rows];
  const gradient: number[] = [];
  let total = 0;
  for (const [rank, first] of bounds.slice(0, -1).entries()) {
    const count = bounds[rank + 1]! - first;
    if (count === 0) continue;
    const loss = device.tensor([1]);
    const dStudent = device.tensor(
      [count, dim],
      new Float32Array(count * dim).fill(NaN),
    );
    device.run((program) =>
      op(program, {
        student: device.tensor([rows, dim], student),
        teacher: device.tensor([rows, teacher.length / rows], teacher),
        own: { first, count },
        loss,
        dStudent,
        scale: 1,
      })
    );
    total += (await device.read(loss))[0]!;
    gradient.push(...await device.read(dStudent));
  }
  assertClose([total], [expected.loss], { atol: 1e-9, rtol: 2e-5 });
  const largest = Math.max(...expected.gradient.map(Math.abs), 1e-3);
  assertClose(
    gradient,
    expected.gradient,
    { atol: 2e-5 * largest + 2e-8 },
    `gradient of ${op.name}() with ${rows} rows`,
  );
}
