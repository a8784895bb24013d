import { deepStrictEqual } from "node:assert";
import { defineKernel, Device } from "../../src/gpu/mod.ts";
import common from "../../src/ops/common/philox.wgsl" with { type: "text" };
import { philox } from "../../src/random.ts";

const kernel = defineKernel(
  "philox_test",
  `@group(0) @binding(0) var<storage, read> input: array<u32>;
@group(0) @binding(1) var<storage, read_write> output: array<u32>;
@compute @workgroup_size(1)
fn main(@builtin(workgroup_id) group: vec3u) {
  let i = group.x * 6u;
  let words = philox(
    vec2u(input[i], input[i + 1u]),
    vec4u(input[i + 2u], input[i + 3u], input[i + 4u], input[i + 5u]),
  );
  for (var j = 0u; j < 4u; j++) {
    output[group.x * 4u + j] = words[j];
  }
}`,
  [common],
);

Deno.test("philox in WGSL gives the same words as philox() in TypeScript", async () => {
  using device = await Device.open();
  const draws = 100;
  const input = new Uint32Array(draws * 6);
  // Words of one draw are key and counter of the next: all bits vary.
  for (let i = 1; i < draws; i++) {
    const [k0, k1, ...counter] = input.subarray(i * 6 - 6, i * 6);
    const words = philox(
      [k0!, k1!],
      [counter[0]!, counter[1]!, counter[2]!, counter[3]!],
    );
    input.set([...words, words[0] ^ words[2], words[1] ^ words[3]], i * 6);
  }
  const output = device.tensor([draws, 4], undefined, "u32");
  device.run((program) =>
    program.dispatch(kernel, {
      buffers: [device.tensor([draws, 6], input), output],
      workgroups: draws,
    })
  );
  const expected = Array.from({ length: draws }, (_, i) => {
    const [k0, k1, a, b, c, d] = input.subarray(i * 6, i * 6 + 6);
    return philox([k0!, k1!], [a!, b!, c!, d!]);
  });
  deepStrictEqual([...await device.readU32(output)], expected.flat());
});
