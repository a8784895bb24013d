import {
  defineKernel,
  type Kernel,
  type Program,
  type Tensor,
  TEXTURE_WIDTH,
} from "../../src/gpu/mod.ts";
import type { Layout } from "./gemm_bench.ts";
import type { Sizes } from "./op_case.ts";

/** A design of a matrix product, f32, measured beside ours as the adapter's ceiling. */
export interface GemmCandidate {
  readonly name: string;
  readonly layout: Layout;
  /** Whether it can multiply these; bench shapes are multiples of 4 but not all of 8. */
  fits(sizes: Sizes): boolean;
  record(
    program: Program,
    product: Sizes & { left: Tensor; right: Tensor; output: Tensor },
  ): void;
}

type Source = "buffer" | "texture";

/**
 * The register designs of the project's first measurements, plain: workgroups of
 * 8 along the columns, no workgroup memory, no epilogue, everything unrolled.
 */
export const GEMM_CANDIDATES: readonly GemmCandidate[] = [
  candidate("scalar 16x8", "NN", "buffer", scalarBody()),
  candidate("vec4 16x8", "NN", "buffer", rowBody(16)),
  candidate("texture 16x8", "NN", "texture", rowBody(16)),
  candidate("buffer 16x8", "TN", "buffer", columnBody(16)),
  candidate("buffer 32x8", "TN", "buffer", columnBody(32)),
  candidate("texture 16x8", "TN", "texture", columnBody(16)),
  candidate("dot 8x8", "NT", "buffer", dotBody()),
  candidate("texture dot 8x8", "NT", "texture", dotBody()),
];

interface Body {
  /** Output rows and columns of one workgroup. */
  rows: number;
  cols: number;
  code: string;
  /** The left operand is bound as single floats. */
  scalarLeft?: boolean;
}

function candidate(
  name: string,
  layout: Layout,
  source: Source,
  body: Body,
): GemmCandidate {
  const kernel: Kernel = defineKernel(
    `candidate_${layout}_${name.replaceAll(" ", "_")}`,
    wgslOf(source, body),
  );
  return {
    name,
    layout,
    fits: ({ rows, depth, cols }) =>
      rows % 4 === 0 && depth % 4 === 0 && cols % 4 === 0,
    record(program, { rows, depth, cols, left, right, output }) {
      program.dispatch(kernel, {
        uniforms: { u32: [rows, cols, depth] },
        ...(source === "texture"
          ? { textures: [left, right], buffers: [output] }
          : { buffers: [left, right, output] }),
        workgroups: [
          Math.ceil(cols / body.cols),
          Math.ceil(rows / body.rows),
        ],
      });
    },
  };
}

function wgslOf(source: Source, { rows, cols, code, scalarLeft }: Body) {
  const left = scalarLeft ? "f32" : "vec4f";
  const operands = source === "buffer"
    ? `
@group(0) @binding(1) var<storage, read> left: array<${left}>;
@group(0) @binding(2) var<storage, read> right: array<vec4f>;
fn a_at(i: u32) -> ${left} { return left[i]; }
fn b_at(i: u32) -> vec4f { return right[i]; }`
    : `
@group(0) @binding(1) var left: texture_2d<f32>;
@group(0) @binding(2) var right: texture_2d<f32>;
fn a_at(i: u32) -> vec4f {
  return textureLoad(left, vec2u(i % ${TEXTURE_WIDTH}u, i / ${TEXTURE_WIDTH}u), 0);
}
fn b_at(i: u32) -> vec4f {
  return textureLoad(right, vec2u(i % ${TEXTURE_WIDTH}u, i / ${TEXTURE_WIDTH}u), 0);
}`;
  return `
struct Sizes { rows: u32, cols: u32, depth: u32 }
@group(0) @binding(0) var<uniform> sizes: Sizes;
${operands}
@group(0) @binding(3) var<storage, read_write> output: array<vec4f>;
@compute @workgroup_size(8)
fn main(
  @builtin(workgroup_id) group: vec3u,
  @builtin(local_invocation_index) lane: u32,
) {
  let row = group.y * ${rows}u;
  let depth4 = sizes.depth / 4u;
  let cols4 = sizes.cols / 4u;
  let rows4 = sizes.rows / 4u;
  let last = sizes.rows - 1u;
  let first = group.x * ${cols / 4}u + lane;
${code}
}`;
}

function each(count: number, line: (i: number) => string): string {
  return Array.from({ length: count }, (_, i) => `  ${line(i)}`).join("\n");
}

/** Two vec4 a row; columns beyond the edge are computed again and not stored. */
function twoColumns(): string {
  return `  let c0 = min(first, cols4 - 1u);
  let c1 = min(first + 8u, cols4 - 1u);`;
}

function storeTwo(rows: number): string {
  return each(rows, (r) =>
    `if (row + ${r}u <= last) {
    if (first < cols4) { output[(row + ${r}u) * cols4 + first] = x${r}; }
    if (first + 8u < cols4) { output[(row + ${r}u) * cols4 + first + 8u] = y${r}; }
  }`);
}

function accumulators(rows: number): string {
  return each(rows, (r) => `var x${r} = vec4f(); var y${r} = vec4f();`);
}

/** A one float for each k, no unrolling. */
function scalarBody(): Body {
  const rows = 16;
  return {
    rows,
    cols: 64,
    scalarLeft: true,
    code: `${twoColumns()}
${accumulators(rows)}
${each(rows, (r) => `let at${r} = min(row + ${r}u, last) * sizes.depth;`)}
  for (var k = 0u; k < sizes.depth; k++) {
    let p = b_at(k * cols4 + c0);
    let q = b_at(k * cols4 + c1);
${
      each(rows, (r) =>
        `{ let a = a_at(at${r} + k); x${r} = fma(vec4f(a), p, x${r}); y${r} = fma(vec4f(a), q, y${r}); }`)
    }
  }
${storeTwo(rows)}`,
  };
}

/** A as vec4 along the depth, four k an iteration. */
function rowBody(rows: number): Body {
  const component = ["x", "y", "z", "w"];
  return {
    rows,
    cols: 64,
    code: `${twoColumns()}
${accumulators(rows)}
${each(rows, (r) => `let at${r} = min(row + ${r}u, last) * depth4;`)}
  for (var k = 0u; k < depth4; k++) {
${each(rows, (r) => `let a${r} = a_at(at${r} + k);`)}
${
      each(4, (j) =>
        `{ let p = b_at((4u * k + ${j}u) * cols4 + c0); let q = b_at((4u * k + ${j}u) * cols4 + c1);
${
          each(rows, (r) =>
            `x${r} = fma(vec4f(a${r}.${
              component[j]
            }), p, x${r}); y${r} = fma(vec4f(a${r}.${
              component[j]
            }), q, y${r});`)
        }
  }`)
    }
  }
${storeTwo(rows)}`,
  };
}

/** A stored [depth, rows]: each vec4 holds four rows of one k. */
function columnBody(rows: number): Body {
  const quads = rows / 4;
  const component = ["x", "y", "z", "w"];
  return {
    rows,
    cols: 64,
    code: `${twoColumns()}
${accumulators(rows)}
${each(quads, (i) => `let r${i} = min(row / 4u + ${i}u, rows4 - 1u);`)}
  for (var k = 0u; k < sizes.depth; k++) {
    let p = b_at(k * cols4 + c0);
    let q = b_at(k * cols4 + c1);
${each(quads, (i) => `let a${i} = a_at(k * rows4 + r${i});`)}
${
      each(rows, (r) => {
        const a = `a${Math.floor(r / 4)}.${component[r % 4]}`;
        return `x${r} = fma(vec4f(${a}), p, x${r}); y${r} = fma(vec4f(${a}), q, y${r});`;
      })
    }
  }
${storeTwo(rows)}`,
  };
}

/** B stored [cols, depth]: 8 rows by 8 columns of dot products along the depth. */
function dotBody(): Body {
  const component = ["x", "y", "z", "w"];
  const cell = (r: number, c: number) =>
    `${c < 4 ? "x" : "y"}${r}.${component[c % 4]}`;
  return {
    rows: 8,
    cols: 64,
    code: `${twoColumns()}
${accumulators(8)}
${each(8, (r) => `let at${r} = min(row + ${r}u, last) * depth4;`)}
${each(8, (c) => `let bt${c} = (4u * c${c < 4 ? 0 : 1} + ${c % 4}u) * depth4;`)}
  for (var k = 0u; k < depth4; k++) {
${each(8, (r) => `let a${r} = a_at(at${r} + k);`)}
${
      each(8, (c) =>
        `{ let b = b_at(bt${c} + k);
${each(8, (r) => `${cell(r, c)} += dot(a${r}, b);`)}
  }`)
    }
  }
${storeTwo(8)}`,
  };
}
