// One value at a time, for rows of any length; see wide_vec4.wgsl.

alias Wide = f32;
alias Stored = Real;

const WIDTH: u32 = 1u;

fn wide_sum(value: Wide) -> f32 {
  return value;
}

fn wide_where(kept: vec4<bool>, part: u32, value: Wide) -> Wide {
  return select(Wide(), value, kept[part]);
}
