// One value at a time, for rows of any length; see wide_vec4.wgsl.

alias Wide = f32;

const WIDTH: u32 = 1u;

fn wide_sum(value: Wide) -> f32 {
  return value;
}
