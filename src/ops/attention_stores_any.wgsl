// Results of attention with any head dimension.

alias Stored = Real;

// Elements at .. at + 3 of a head's row that starts at `start`, those that are in it.
fn store_quad(start: u32, at: u32, quad: vec4f) {
  let i = start + at;
  if (at < params.head_dim) {
    stored[i] = Stored(quad.x);
  }
  if (at + 1 < params.head_dim) {
    stored[i + 1] = Stored(quad.y);
  }
  if (at + 2 < params.head_dim) {
    stored[i + 2] = Stored(quad.z);
  }
  if (at + 3 < params.head_dim) {
    stored[i + 3] = Stored(quad.w);
  }
}
