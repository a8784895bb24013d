// Streamed rows of attention for GPUs: in tiles of workgroup memory. All lanes read one
// address at a time and neighbours write neighbouring quads, so no two meet in a bank.
// Same names as attention_stream_register.wgsl.

const LANES: u32 = 64;

// Quads of each operand and rows in a tile: 15 KiB together.
const TILE_QUADS: u32 = 448;
const MAX_TILE_ROWS: u32 = 112;

var<workgroup> s_tile: array<vec4f, TILE_QUADS>;
var<workgroup> t_tile: array<vec4f, TILE_QUADS>;
var<workgroup> scalar_tile: array<vec2f, MAX_TILE_ROWS>;

// Rows that are at hand at a time.
fn tile_rows() -> u32 {
  return TILE_QUADS / (4 * BLOCKS);
}

// Loads rows from `first` on; past the last token, that one again.
fn fill_tile(first: u32, lane: u32) {
  let last = params.tokens - 1;
  workgroupBarrier();
  for (var i = lane; i < tile_rows() * 4 * BLOCKS; i += LANES) {
    let row = min(first + i / (4 * BLOCKS), last);
    let at = i % (4 * BLOCKS) * 4;
    s_tile[i] = s_quad(row, at);
    t_tile[i] = t_quad(row, at);
  }
  if (STREAMS_SCALARS) {
    for (var i = lane; i < tile_rows(); i += LANES) {
      scalar_tile[i] = streamed_scalars(min(first + i, last));
    }
  }
  workgroupBarrier();
}

fn s_block(slot: u32, block: u32) -> mat4x4f {
  let i = (slot * BLOCKS + block) * 4;
  return mat4x4f(s_tile[i], s_tile[i + 1], s_tile[i + 2], s_tile[i + 3]);
}

fn t_block(slot: u32, block: u32) -> mat4x4f {
  let i = (slot * BLOCKS + block) * 4;
  return mat4x4f(t_tile[i], t_tile[i + 1], t_tile[i + 2], t_tile[i + 3]);
}

// Blocks that were read before at this row: cheaper to read again than to keep.
fn s_again(slot: u32, block: u32) -> mat4x4f {
  return s_block(slot, block);
}

fn t_again(slot: u32, block: u32) -> mat4x4f {
  return t_block(slot, block);
}

fn scalars_of(slot: u32) -> vec2f {
  return scalar_tile[slot];
}
