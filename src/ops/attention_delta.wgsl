// delta = d_output . output of one row of a head; `outputs` is the kernel's.

fn delta_of(head: Head, token: u32) -> f32 {
  let start = output_start(head, token);
  var sum = 0.0;
  for (var c = 0u; c < BLOCKS; c++) {
    let g = grad_block(start, c);
    let o = output_block(start, c);
    sum += product(g, o);
  }
  return sum;
}

fn output_block(start: u32, block: u32) -> mat4x4f {
  let at = start + block * 16;
  return mat4x4f(
    output_quad(at),
    output_quad(at + 4),
    output_quad(at + 8),
    output_quad(at + 12),
  );
}

// Past the head's row: neighbours, where the gradient counts as 0.
fn output_quad(at: u32) -> vec4f {
  return vec4f(outputs[at], outputs[at + 1], outputs[at + 2], outputs[at + 3]);
}
