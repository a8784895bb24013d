// Gradients of LayerNorm in one pass over memory: each workgroup takes a chunk of rows
// that stays in a cache, first for the means of its rows, then for all gradients.
//
//   x = (input - mean_r) rstd_r      g = d_output gamma
//   d_input = rstd_r (g - mean_c(g) - x mean_c(g x)) [+ residual]
//   partial[k, 0, c] = sum_r d_output[r, c] x[r, c]
//   partial[k, 1, c] = sum_r d_output[r, c]          r in chunk k
//
// input, d_output, residual, d_input [rows, cols]; mean, rstd [rows]; partial
// [chunks, 2, cols]. Columns are counted in Wide. Grid: chunks.

override RESIDUAL: bool = false;

struct Params {
  rows: u32,
  cols: u32,
  // Rows of a chunk, at most MAX_CHUNK.
  chunk: u32,
  // Of input, d_output and residual, see MatrixLayout.
  shift: u32,
}

@group(0) @binding(0) var<uniform> params: Params;
@group(0) @binding(5) var<storage, read> mean: array<f32>;
@group(0) @binding(6) var<storage, read> rstd: array<f32>;
@group(0) @binding(7) var<storage, read_write> d_input: array<Stored>;
@group(0) @binding(8) var<storage, read_write> partial: array<Wide>;

const MAX_CHUNK: u32 = 256;
const ROWS_AT_ONCE: u32 = ROW_WORKGROUP / ROW_LANES;
// CPU adapters load from workgroup memory so slowly that two columns share it.
const PAIRS: bool = ROW_LANES == 1u;
const COLUMNS_AT_ONCE: u32 = select(1u, 2u, PAIRS) * ROW_WORKGROUP;

// Over rows, of one column.
struct ColumnSums {
  d_gamma: Wide,
  d_beta: Wide,
}

// Of each row of the chunk: mean, rstd, mean_c(g), mean_c(g x).
var<workgroup> row_means: array<vec4f, MAX_CHUNK>;

@compute @workgroup_size(ROW_WORKGROUP)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(num_workgroups) groups: vec3u,
  @builtin(local_invocation_index) local: u32,
) {
  let chunk = group.y * groups.x + group.x;
  let first = chunk * params.chunk;
  if (first >= params.rows) {
    return;
  }
  let count = min(params.chunk, params.rows - first);

  // Lanes as the form lays them along rows.
  let lane = lane_of(local);
  let share = 1.0 / f32(params.cols * WIDTH);
  for (var stretch = 0u; stretch * ROWS_AT_ONCE < count; stretch++) {
    let r = row_of(stretch, local);
    let row = first + min(r, count - 1u);
    let at = row_start(row);
    let row_mean = mean[row];
    let row_rstd = rstd[row];
    var sums = Wide();
    var products = Wide();
    for (var c = lane; c < params.cols; c += ROW_LANES) {
      let g = d_output_at(at, c) * gamma_at(c);
      sums += g;
      products += g * (input_at(at, c) - row_mean);
    }
    let sum = row_sum(lane, wide_sum(sums)) * share;
    let product = row_sum(lane, wide_sum(products)) * row_rstd * share;
    if (lane == 0u && r < count) {
      row_means[r] = vec4f(row_mean, row_rstd, sum, product);
    }
  }
  workgroupBarrier();

  // Lanes along the columns. Where a lane has no second column it takes the first again.
  for (var c = local; c < params.cols; c += COLUMNS_AT_ONCE) {
    let second = c + ROW_WORKGROUP;
    let has_second = PAIRS && second < params.cols;
    let other = select(c, second, has_second);
    let factor = gamma_at(c);
    let other_factor = gamma_at(other);
    var sums = ColumnSums();
    var other_sums = ColumnSums();
    for (var r = 0u; r < count; r++) {
      let means = row_means[r];
      sums = finish(sums, first + r, c, factor, means);
      if (PAIRS) {
        other_sums = finish(other_sums, first + r, other, other_factor, means);
      }
    }
    store(chunk, c, sums);
    if (has_second) {
      store(chunk, second, other_sums);
    }
  }
}

// Stores d_input[row, c] and returns the sums with this row.
fn finish(sums: ColumnSums, row: u32, c: u32, factor: Wide, means: vec4f) -> ColumnSums {
  let at = row_start(row);
  let d = d_output_at(at, c);
  let x = (input_at(at, c) - means.x) * means.y;
  var result = means.y * (d * factor - means.z - x * means.w);
  if (RESIDUAL) {
    result += residual_at(at, c);
  }
  d_input[row * params.cols + c] = Stored(result);
  return ColumnSums(sums.d_gamma + d * x, sums.d_beta + d);
}

fn store(chunk: u32, c: u32, sums: ColumnSums) {
  let at = chunk * 2u * params.cols + c;
  partial[at] = sums.d_gamma;
  partial[at + params.cols] = sums.d_beta;
}
