// SGD with momentum over a flat segment, four values per invocation.
//
//   g'  = g clip norm[2] + decay[i / 64] weight_decay p     clip as in adamw.wgsl
//   buf = momentum buf + g'                         (0 before the first step)
//   p   = p - rate buf
//
// rate = step.learning_rate rate_scale. Nothing changes when the gate norm[1] is
// shut. All arrays [length] with length a multiple of 4.

struct Params {
  quads: u32,
  momentum_factor: f32,
  weight_decay: f32,
  clip_norm: f32,
  rate_scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(8) var<storage, read_write> momentum: array<vec4f>;

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
  let p = parameter[i];
  let g = gradient[i] * gradient_factor(params.clip_norm) +
    params.weight_decay * decay[i / 16u] * p;
  let buffer = params.momentum_factor * momentum[i] + g;
  momentum[i] = buffer;
  write_parameter(i, p - step.learning_rate * params.rate_scale * buffer);
}
