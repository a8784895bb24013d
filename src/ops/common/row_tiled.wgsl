// Row reductions with one workgroup per row and a tree in workgroup memory.
// For GPUs. Same names as row_register.wgsl; every lane gets the result.
// Callers keep control flow uniform: no early return before a reduction.

const ROW_LANES: u32 = 64u;
const ROW_WORKGROUP: u32 = 64u;

var<workgroup> row_partial: array<f32, ROW_WORKGROUP>;

fn row_of(group: u32, local: u32) -> u32 {
  return group;
}

fn lane_of(local: u32) -> u32 {
  return local;
}

fn row_sum(lane: u32, value: f32) -> f32 {
  row_partial[lane] = value;
  for (var stride = ROW_WORKGROUP / 2u; stride > 0u; stride /= 2u) {
    workgroupBarrier();
    if (lane < stride) {
      row_partial[lane] += row_partial[lane + stride];
    }
  }
  return workgroupUniformLoad(&row_partial[0]);
}

fn row_max(lane: u32, value: f32) -> f32 {
  row_partial[lane] = value;
  for (var stride = ROW_WORKGROUP / 2u; stride > 0u; stride /= 2u) {
    workgroupBarrier();
    if (lane < stride) {
      row_partial[lane] = max(row_partial[lane], row_partial[lane + stride]);
    }
  }
  return workgroupUniformLoad(&row_partial[0]);
}
