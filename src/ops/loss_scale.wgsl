// Dynamic loss scale (Micikevicius et al. 2018), kept on the GPU so that no step waits for the host.
//
// state = [scale, good steps in a row, skipped steps, 0]; norm as in gradient_norm.wgsl, of
// the scaled gradient.
//
//   finite:      norm[0] /= scale, norm[2] = 1 / scale; after `interval` good steps in a
//                row scale *= growth, at most `largest`
//   not finite:  the step is skipped and scale *= backoff; at scale `least` the scale is
//                not the cause, so the gate shuts for good
//
// norm[3] = the scale that this step used. Scales are powers of 2, so unscaling is exact.

struct Params {
  interval: f32,
  growth: f32,
  backoff: f32,
  least: f32,
  largest: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read_write> state: array<f32>;
@group(0) @binding(2) var<storage, read_write> norm: array<f32>;

@compute @workgroup_size(1)
fn main() {
  let scale = state[0];
  norm[2] = 1.0 / scale;
  norm[3] = scale;
  if (norm[1] == 0.0) {
    norm[0] = norm[0] / scale;
    let good = state[1] + 1.0;
    let grows = good >= params.interval;
    state[0] = select(scale, min(scale * params.growth, params.largest), grows);
    state[1] = select(good, 0.0, grows);
    return;
  }
  if (norm[1] == 2.0) {
    return;
  }
  if (scale <= params.least) {
    norm[1] = 2.0;
    return;
  }
  state[0] = max(scale * params.backoff, params.least);
  state[1] = 0.0;
  state[2] = state[2] + 1.0;
}
