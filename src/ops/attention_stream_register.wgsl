// Streamed rows of attention for CPU adapters: read where they are used. Each that is
// loaded serves all own rows of an invocation.
// Same names as attention_stream_tiled.wgsl.

const LANES: u32 = 8;

// Rows that are at hand at a time.
fn tile_rows() -> u32 {
  return params.tokens;
}

fn fill_tile(first: u32, lane: u32) {
}

// Of the row that is visited.
var<private> s_now: array<mat4x4f, BLOCKS>;
var<private> t_now: array<mat4x4f, BLOCKS>;

fn s_block(slot: u32, block: u32) -> mat4x4f {
  let at = block * 16;
  s_now[block] = mat4x4f(
    s_quad(slot, at),
    s_quad(slot, at + 4),
    s_quad(slot, at + 8),
    s_quad(slot, at + 12),
  );
  return s_now[block];
}

fn t_block(slot: u32, block: u32) -> mat4x4f {
  let at = block * 16;
  t_now[block] = mat4x4f(
    t_quad(slot, at),
    t_quad(slot, at + 4),
    t_quad(slot, at + 8),
    t_quad(slot, at + 12),
  );
  return t_now[block];
}

// Blocks that were read before at this row: Mesa would read them from the texture again.
fn s_again(slot: u32, block: u32) -> mat4x4f {
  return s_now[block];
}

fn t_again(slot: u32, block: u32) -> mat4x4f {
  return t_now[block];
}

fn scalars_of(slot: u32) -> vec2f {
  return streamed_scalars(slot);
}
