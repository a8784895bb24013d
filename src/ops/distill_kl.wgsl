// Soft distillation.
//
//   p = softmax(teacher / T)     q = softmax(student / T)
//   loss[r]           = w_r T^2 sum_c p_c (log p_c - log q_c)
//   d_student[r, c] (+)= scale w_r T (q_c - p_c)
//
// student, teacher, d_student [rows, cols]; row_weights, loss [rows]. Rows of weight 0
// give exact zeros.

struct Params {
  rows: u32,
  cols: u32,
  temperature: f32,
  scale: f32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(1) var<storage, read> student: array<f32>;
@group(0) @binding(2) var<storage, read> teacher: array<f32>;
@group(0) @binding(3) var<storage, read> row_weights: array<f32>;
@group(0) @binding(4) var<storage, read_write> loss: array<f32>;
@group(0) @binding(5) var<storage, read_write> d_student: array<f32>;

override ACCUMULATE: bool = false;

@compute @workgroup_size(ROW_WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let cols = params.cols;
  let own = logit_pair(group, groups, local);
  let weight = row_weights[own.row];
  let cooling = 1.0 / params.temperature;

  // sum_c p_c (log p_c - log q_c) with log p_c = zt_c - log St, log q_c = zs_c - log Ss.
  var total_s = 0.0;
  var total_t = 0.0;
  var contrast = 0.0;
  for (var c = own.lane; c < cols; c += ROW_LANES) {
    let zs = (student[own.start + c] - own.top_student) * cooling;
    let zt = (teacher[own.start + c] - own.top_teacher) * cooling;
    let et = exp(zt);
    total_s += exp(zs);
    total_t += et;
    contrast += et * (zt - zs);
  }
  total_s = row_sum(own.lane, total_s);
  total_t = row_sum(own.lane, total_t);
  contrast = row_sum(own.lane, contrast);
  if (!own.exists) {
    return;
  }

  let temperature = params.temperature;
  if (own.lane == 0u) {
    let divergence = contrast / total_t + log(total_s) - log(total_t);
    loss[own.row] = select(weight * temperature * temperature * divergence, 0.0, weight == 0.0);
  }
  let factor = params.scale * weight * temperature;
  for (var c = own.lane; c < cols; c += ROW_LANES) {
    let q = exp((student[own.start + c] - own.top_student) * cooling) / total_s;
    let p = exp((teacher[own.start + c] - own.top_teacher) * cooling) / total_t;
    var gradient = select(factor * (q - p), 0.0, weight == 0.0);
    if (ACCUMULATE) {
      gradient += d_student[own.start + c];
    }
    d_student[own.start + c] = gradient;
  }
}
