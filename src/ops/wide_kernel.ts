import {
  defineRealKernel,
  type Dispatch,
  type Kernel,
  type KernelForm,
  type Matrix,
  type Program,
  type RealType,
  type Tensor,
} from "../gpu/mod.ts";
import registerRows from "./common/row_register.wgsl" with { type: "text" };
import tiledRows from "./common/row_tiled.wgsl" with { type: "text" };
import inputArrays from "./common/inputs_arrays.wgsl" with { type: "text" };
import inputTexels from "./common/inputs_texels.wgsl" with { type: "text" };
import texels from "./common/texels.wgsl" with { type: "text" };
import scalar from "./common/wide_scalar.wgsl" with { type: "text" };
import vec4 from "./common/wide_vec4.wgsl" with { type: "text" };

/**
 * A kernel written with the names of `common/wide_*.wgsl` and `common/row_*.wgsl`:
 * four values at a time where rows allow, read from textures on CPU adapters.
 */
export type WideKernel = Readonly<
  Record<KernelForm, {
    readonly four: Record<RealType, Kernel>;
    readonly one: Record<RealType, Kernel>;
  }>
>;

/** Declarations of a kernel's inputs and how it reads them, under the same names. */
export interface WideInputs {
  /** As `array<Wide>` or, of activations, `array<Stored>`. */
  readonly arrays: string;
  /** As `RealTexels` or `FloatTexels`, with `common/texels.wgsl`. */
  readonly textures: string;
}

/** Inputs named `first` to `fourth`. */
const COMMON_INPUTS: WideInputs = {
  arrays: inputArrays,
  textures: inputTexels,
};

const INPUT_NAMES = ["First", "Second", "Third", "Fourth"] as const;

/** Options of {@linkcode defineWideKernel}. */
export interface WideOptions {
  /** Default: those of `common/inputs_*.wgsl`. */
  readonly inputs?: WideInputs;
  /** Which of the common inputs are f32 though activations are f16. */
  readonly single?: readonly (typeof INPUT_NAMES)[number][];
  readonly common?: readonly string[];
}

export function defineWideKernel(
  name: string,
  wgsl: string,
  { inputs = COMMON_INPUTS, single = [], common = [] }: WideOptions = {},
): WideKernel {
  const types = INPUT_NAMES.map((input) =>
    `alias ${input} = ${single.includes(input) ? "Wide" : "Stored"};`
  );
  const formats = INPUT_NAMES.map((input) =>
    `alias ${input}Texels = ${
      single.includes(input) ? "FloatTexels" : "RealTexels"
    };`
  );
  const define = (end: string, ...parts: readonly string[]) =>
    defineRealKernel(`${name}_${end}`, wgsl, [...common, ...parts]);
  const arrays = [...types, inputs.arrays];
  return {
    register: {
      four: define(
        "textures",
        registerRows,
        texels,
        vec4,
        ...formats,
        inputs.textures,
      ),
      one: define("register", registerRows, scalar, ...arrays),
    },
    tiled: {
      four: define("tiled4", tiledRows, vec4, ...arrays),
      one: define("tiled", tiledRows, scalar, ...arrays),
    },
  };
}

/** What to dispatch for rows of some length. */
export interface WideChoice {
  readonly kernel: Kernel;
  /** Values in one of the kernel's units. */
  readonly width: 1 | 4;
  /** How the dispatch binds its inputs and then its other buffers. */
  bind(
    inputs: readonly (Tensor | Matrix)[],
    others: readonly Tensor[],
  ): Pick<Dispatch, "textures" | "buffers">;
}

/**
 * Picks the kernel for runs of `length` values that start at multiples of it.
 *
 * @param type Of the activations.
 */
export function chooseWide(
  program: Program,
  kernel: WideKernel,
  length: number,
  type: RealType = "f32",
): WideChoice {
  const { form } = program.device;
  const four = length % 4 === 0;
  const asTextures = four && form === "register";
  return {
    kernel: kernel[form][four ? "four" : "one"][type],
    width: four ? 4 : 1,
    bind: (inputs, others) =>
      asTextures
        ? { textures: inputs, buffers: others }
        : { buffers: [...inputs.map(tensorOf), ...others] },
  };
}

/** Workgroups of a kernel that reduces rows with `common/row_*.wgsl`. */
export function rowGroups(program: Program, rows: number): number {
  return program.device.form === "register" ? Math.ceil(rows / 8) : rows;
}

function tensorOf(source: Tensor | Matrix): Tensor {
  return "tensor" in source ? source.tensor : source;
}
