// The output in buffers with rows of any length.

@group(0) @binding(6) var<storage, read_write> output: array<Output>;
@group(0) @binding(7) var<storage, read_write> side: array<Output>;

fn store_output(row: u32, n: u32, value: vec4f) {
  let at = row * params.cols + n;
  output[at] = Output(value.x);
  if (n + 1 < params.cols) {
    output[at + 1] = Output(value.y);
  }
  if (n + 2 < params.cols) {
    output[at + 2] = Output(value.z);
  }
  if (n + 3 < params.cols) {
    output[at + 3] = Output(value.w);
  }
}

fn store_side(row: u32, n: u32, value: vec4f) {
  let at = row * params.cols + n;
  side[at] = Output(value.x);
  if (n + 1 < params.cols) {
    side[at + 1] = Output(value.y);
  }
  if (n + 2 < params.cols) {
    side[at + 2] = Output(value.z);
  }
  if (n + 3 < params.cols) {
    side[at + 3] = Output(value.w);
  }
}

// Sums m .. m + 3 of left.
fn store_sums(m: u32, split: u32, sums: vec4f) {
  let at = split * params.rows + m;
  if (m < params.rows) {
    side[at] = Output(sums.x);
  }
  if (m + 1 < params.rows) {
    side[at + 1] = Output(sums.y);
  }
  if (m + 2 < params.rows) {
    side[at + 2] = Output(sums.z);
  }
  if (m + 3 < params.rows) {
    side[at + 3] = Output(sums.w);
  }
}
