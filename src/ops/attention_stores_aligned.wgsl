// Results of attention where the head dimension is a multiple of 4.

alias Stored = Real4;

// Elements at .. at + 3 of a head's row that starts at `start`, if they are in it.
fn store_quad(start: u32, at: u32, quad: vec4f) {
  if (at < params.head_dim) {
    stored[(start + at) / 4] = Stored(quad);
  }
}
