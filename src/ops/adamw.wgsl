// AdamW (Loshchilov and Hutter 2019) over a flat segment, four values per invocation.
//
//   g' = g clip norm[2]   clip = min(1, clip_norm / (norm[0] + 1e-6)), or 1 when clip_norm is 0
//   m  = b1 m + (1 - b1) g'
//   v  = b2 v + (1 - b2) g'^2
//   p  = p - rate decay[i / 64] weight_decay p
//   p  = p - rate (m / correction1) / (sqrt(v / correction2) + epsilon)
//
// rate = step.learning_rate rate_scale. Nothing changes when the gate norm[1] is
// shut. All arrays [length] with length a multiple of 4; see common/update.wgsl.

struct Params {
  quads: u32,
  beta1: f32,
  beta2: f32,
  // 1 - beta1 and 1 - beta2, rounded once on the host: 1 - 0.999 in f32 is off by 1e-5.
  rest1: f32,
  rest2: f32,
  epsilon: f32,
  weight_decay: f32,
  clip_norm: f32,
  rate_scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(8) var<storage, read_write> first_moment: array<vec4f>;
@group(0) @binding(9) var<storage, read_write> second_moment: array<vec4f>;

@compute @workgroup_size(64)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let i = (group.y * groups.x + group.x) * 64u + local;
  if (i >= params.quads || !gate_is_open()) {
    return;
  }
  let rate = step.learning_rate * params.rate_scale;
  let g = gradient[i] * gradient_factor(params.clip_norm);
  let m = params.beta1 * first_moment[i] + params.rest1 * g;
  let v = params.beta2 * second_moment[i] + params.rest2 * g * g;
  first_moment[i] = m;
  second_moment[i] = v;
  var p = parameter[i];
  p -= rate * params.weight_decay * decay[i / 16u] * p;
  p -= rate * (m / step.correction1) / (sqrt(v / step.correction2) + params.epsilon);
  write_parameter(i, p);
}
