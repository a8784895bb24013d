/** What a text of a driver, of the loader or of WebGPU means. */
export interface KnownFailure {
  /** The doctor's code for it. */
  code: string;
  cause: string;
  hint: string;
}

/** The more telling texts first: loaders print a general one behind them. */
const TEXTS: readonly (KnownFailure & { text: RegExp })[] = [
  {
    text: /libXext\.so\.6: cannot open shared object|libX11\S*: cannot open/,
    code: "VK-07",
    cause: "the driver's GLX library needs X libraries that are not here",
    hint:
      "unset VK_DRIVER_FILES and VK_ICD_FILENAMES: Signet then takes the EGL library, which needs none",
  },
  {
    text: /unable to open '?libnvidia-glvkspirv/,
    code: "VK-03",
    cause: "the driver's shader compiler (libnvidia-glvkspirv) is missing",
    hint:
      "compute-only install: ask for the GL package of the driver's version, or doctor --explain VK-04",
  },
  {
    text: /'?vkCreateInstance'? via '?vk_icdGetInstanceProcAddr/,
    code: "VK-02",
    cause: "the driver cannot start: device nodes or its own files are missing",
    hint:
      "in a container: NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics; nvidia-smi -L must list the GPU",
  },
  {
    text: /Failed loading library associated with ICD JSON/,
    code: "VK-07",
    cause: "a driver's library, or one that it needs, cannot be loaded",
    hint: "the line before it in the loader's output names the library",
  },
  {
    text: /ERROR_INCOMPATIBLE_DRIVER|Found no drivers/,
    code: "VK-07",
    cause: "no Vulkan driver was found",
    hint:
      "in a container: NVIDIA_DRIVER_CAPABILITIES=compute,utility,graphics, or apptainer exec --nv",
  },
  {
    text:
      /ERROR_INITIALIZATION_FAILED|enumerate_adapters: Initialization of an object has failed/,
    code: "VK-08",
    cause:
      "the driver refuses to start: a GPU is closed to this process, or the loader's settings file names none that is here",
    hint: "use the whole node: --exclusive --gpu-bind=none",
  },
  {
    text: /not enough memory left|under memory pressure/i,
    code: "VK-12",
    cause:
      "Deno refuses more than 97 % of the memory that the driver grants, and ends the device at 99 %",
    hint:
      "a smaller microBatch, or recompute=true; doctor says how much is usable",
  },
  {
    text:
      /requiredFeatures must be a subset of the adapter features|is not a valid enum value/,
    code: "VK-09",
    cause: "the adapter lacks a feature that was asked for",
    hint: 'precision "f32" needs none; update the driver for f16',
  },
];

/** Finds the first known failure in a text; harmless noise is none. */
export function recogniseFailure(text: string): KnownFailure | undefined {
  const found = TEXTS.find((known) => known.text.test(text));
  if (found === undefined) return undefined;
  const { code, cause, hint } = found;
  return { code, cause, hint };
}
