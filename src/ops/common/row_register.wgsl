// Row reductions with one invocation per row: no workgroup memory, no barrier.
// For CPU adapters, where workgroup memory is no faster than any other.
// Same names as row_tiled.wgsl: a kernel is written once and gets one of the two.

const ROW_LANES: u32 = 1u;
const ROW_WORKGROUP: u32 = 8u;

fn row_of(group: u32, local: u32) -> u32 {
  return group * ROW_WORKGROUP + local;
}

fn lane_of(local: u32) -> u32 {
  return 0u;
}

fn row_sum(lane: u32, value: f32) -> f32 {
  return value;
}

fn row_max(lane: u32, value: f32) -> f32 {
  return value;
}
