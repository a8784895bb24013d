import { defineRealKernel, Device, type RealType } from "../../src/gpu/mod.ts";
import { assertClose, gaussian } from "../helpers/mod.ts";

const twice = defineRealKernel(
  "twice",
  `
@group(0) @binding(0) var input: texture_2d<f32>;
@group(0) @binding(1) var<storage, read> other: array<Real>;
@group(0) @binding(2) var<storage, read_write> output: array<Real>;

@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3u) {
  let i = group.x;
  let texel = textureLoad(input, vec2u(i / 4, 0), 0);
  output[i] = Real(texel[i % 4] + f32(other[i]));
}
`,
);

const TOLERANCE: Record<RealType, number> = { f32: 0, f16: 1e-3 };

for (const type of ["f32", "f16"] as const) {
  for (const length of [1, 7, 64]) {
    Deno.test(`defineRealKernel() computes ${length} values of type ${type}`, async () => {
      using device = await Device.open();
      const values = gaussian(length, { seed: length });
      const input = device.tensor([length], values, type);
      const output = device.tensor([length], undefined, type);
      device.run((program) =>
        program.dispatch(twice[type], {
          textures: [input],
          buffers: [input, output],
          workgroups: length,
        })
      );
      const rtol = TOLERANCE[type];
      assertClose(await device.read(output), values.map((x) => 2 * x), {
        rtol,
        atol: rtol,
      });
    });
  }
}
