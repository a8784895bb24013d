import {
  relationalAngle,
  relationalDistance,
  relationalPairs,
} from "../ops/mod.ts";
import type { GoldenContext } from "./context.ts";
import type { Fixture, Values } from "./fixture.ts";

/** `rkd_distance` and `rkd_angle`, also of equal rows and of half a batch. */
export async function relationalLoss(
  fixture: Fixture,
  { device }: GoldenContext,
  kind: string,
): Promise<{ loss: number; gradient: Float32Array } | undefined> {
  const parts = /^rkd_(distance|angle)(_dup)?(?:_shard([01]))?$/.exec(kind);
  if (parts === null) return undefined;
  const [, what, equal, shard] = parts;
  const student = half(
    fixture.input(equal ? "in.feat_dup" : "in.feat_s"),
    shard,
  );
  const teacher = half(fixture.input("in.feat_t"), shard);
  const loss = device.tensor([1]);
  const dStudent = device.tensor(student.shape);
  const record = what === "distance" ? relationalDistance : relationalAngle;
  device.run((program) =>
    record(program, {
      student: device.tensor(student.shape, student.data),
      teacher: device.tensor(teacher.shape, teacher.data),
      loss,
      dStudent,
      scale: 1,
      equalRows: "clamped",
    })
  );
  return {
    loss: (await device.read(loss))[0]!,
    gradient: await device.read(dStudent),
  };
}

/** `mid.dist_s` and `mid.angle_s`: what both losses compute from the pairs of rows. */
export async function relationalMiddle(
  fixture: Fixture,
  { device }: GoldenContext,
): Promise<void> {
  if (!fixture.has("mid.dist_s") && !fixture.has("mid.angle_s")) return;
  const { shape, data } = fixture.input("in.feat_s");
  const [rows = 0] = shape;
  const features = device.tensor(shape, data);
  const copy = device.tensor([rows, rows, 4]);
  device.run((program) => {
    const pairs = relationalPairs(program, {
      student: features,
      teacher: features,
    });
    program.copy(pairs, copy);
  });
  const pairs = await device.read(copy);
  const square = (i: number, j: number) => pairs[4 * (i * rows + j)]!;
  const inverse = (i: number, j: number) => pairs[4 * (i * rows + j) + 1]!;
  if (fixture.has("mid.dist_s")) {
    const distances = Float64Array.from(
      { length: rows * rows },
      (_, at) => Math.sqrt(square(Math.floor(at / rows), at % rows)),
    );
    fixture.compare("out", "mid.dist_s", distances);
  }
  if (fixture.has("mid.angle_s")) {
    const cosines = Float64Array.from({ length: rows ** 3 }, (_, at) => {
      const a = Math.floor(at / rows / rows);
      const b = Math.floor(at / rows) % rows;
      const c = at % rows;
      return (square(a, b) + square(a, c) - square(b, c)) / 2 *
        inverse(a, b) * inverse(a, c);
    });
    fixture.compare("out", "mid.angle_s", cosines);
  }
}

/** All rows, or the first or second half. */
function half({ shape, data }: Values, shard: string | undefined): Values {
  if (shard === undefined) return { shape, data };
  const [rows = 0, dim = 0] = shape;
  const middle = Math.floor(rows / 2);
  const [from, to] = shard === "0" ? [0, middle] : [middle, rows];
  return { shape: [to - from, dim], data: data.slice(from * dim, to * dim) };
}
