// Four values at a time, for rows whose length is a multiple of four: the adapter
// checks and computes one address for the four. Same names as wide_scalar.wgsl: a
// kernel is written once and gets one of the two.

alias Wide = vec4f;
// As buffers of activations hold them: convert on the way in and out.
alias Stored = Real4;

// Values in a Wide.
const WIDTH: u32 = 4u;

fn wide_sum(value: Wide) -> f32 {
  return (value.x + value.y) + (value.z + value.w);
}

// The value where kept, else 0. `part` is the place of a Wide among four values.
fn wide_where(kept: vec4<bool>, part: u32, value: Wide) -> Wide {
  return select(Wide(), value, kept);
}
