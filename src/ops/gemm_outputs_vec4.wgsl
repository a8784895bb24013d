// The output in buffers whose rows are multiples of 4 long.

alias Output4 = vec4<Output>;

@group(0) @binding(6) var<storage, read_write> output: array<Output4>;
@group(0) @binding(7) var<storage, read_write> side: array<Output4>;

fn store_output(row: u32, n: u32, value: vec4f) {
  output[(row * params.cols + n) / 4] = Output4(value);
}

fn store_side(row: u32, n: u32, value: vec4f) {
  side[(row * params.cols + n) / 4] = Output4(value);
}

// Sums m .. m + 3 of left.
fn store_sums(m: u32, split: u32, sums: vec4f) {
  if (m < params.rows) {
    side[(split * params.rows + m) / 4] = Output4(sums);
  }
}
