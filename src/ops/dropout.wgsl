// Dropout; applied to a gradient it is its own backward.
//
//   output[b, e] = input[b, e] / (1 - rate) if kept, else 0
//
// first: input, output [batch, count], counted in Wide. Element e of an image is kept when word e mod 4 of
// philox((seed, stream), (e / 4, positions[b], step, salt)) is at least rate 2^32: a
// function of the place in the global batch, so the ranks do not matter and no mask
// is stored. Each invocation takes four elements at a time; grid: [slices, batch].

override WORKGROUP_SIZE: u32 = 8;

struct Params {
  count: u32,
  salt: u32,
  threshold: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(2) var<uniform> step: Step;
@group(0) @binding(3) var<storage, read> positions: array<u32>;
@group(0) @binding(4) var<storage, read_write> output: array<Stored>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let quad = group.x * WORKGROUP_SIZE + lane;
  let b = group.y;
  if (quad * 4u >= params.count * WIDTH) {
    return;
  }
  let words = philox(
    vec2u(step.seed, step.stream),
    vec4u(quad, positions[b], step.step, params.salt),
  );
  let start = b * params.count;
  let kept = words >= vec4u(params.threshold);
  for (var j = 0u; j < 4u / WIDTH; j++) {
    let e = quad * (4u / WIDTH) + j;
    if (e < params.count) {
      let value = first_at(start + e) * params.scale;
      output[start + e] = Stored(wide_where(kept, j, value));
    }
  }
}
