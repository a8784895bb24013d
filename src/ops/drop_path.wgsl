// Stochastic depth: a whole branch is left out for some images.
//
//   output[b, e] = [residual[b, e] +] branch[b, e] / (1 - rate) if kept, else [residual]
//
// first: residual, second: branch; all [batch, count], counted in Wide. Image b is kept when the first word of
// philox((seed, stream), (0, positions[b], step, salt)) is at least rate 2^32. Without
// RESIDUAL this is the gradient for the branch. Grid: [slices of SLICE, batch].

override WORKGROUP_SIZE: u32 = 8;
override RESIDUAL: bool = true;

const SLICE: u32 = 256;

struct Params {
  count: u32,
  salt: u32,
  threshold: u32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(3) var<uniform> step: Step;
@group(0) @binding(4) var<storage, read> positions: array<u32>;
@group(0) @binding(5) var<storage, read_write> output: array<Stored>;

@compute @workgroup_size(WORKGROUP_SIZE)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let b = group.y;
  let words = philox(
    vec2u(step.seed, step.stream),
    vec4u(0u, positions[b], step.step, params.salt),
  );
  let kept = vec4<bool>(words.x >= params.threshold);
  let start = b * params.count;
  let end = min((group.x + 1u) * SLICE, params.count);
  for (var e = group.x * SLICE + lane; e < end; e += WORKGROUP_SIZE) {
    var value = wide_where(kept, 0u, second_at(start + e) * params.scale);
    if (RESIDUAL) {
      value += first_at(start + e);
    }
    output[start + e] = Stored(value);
  }
}
