import type { Clock } from "../env/mod.ts";
import { type Device, type KernelForm, Program, Readback } from "../gpu/mod.ts";
import { linearForward } from "./linear.ts";

const ROWS = 512;
const INNER = 64;
const OUTER = 256;
const REPEATS = 3;
const SUBMITS = 8;

/**
 * Measures one matrix product in each form and returns the faster form.
 *
 * All ranks of a run must use one form, since forms differ in the last bits:
 * whoever starts a run asks once and tells the ranks.
 *
 * @param open Opens the adapter in a form; the device is closed again.
 */
export async function probeForm(
  open: (form: KernelForm) => Promise<Device>,
  clock: Clock,
): Promise<KernelForm> {
  const register = await measure(open, "register", clock);
  const tiled = await measure(open, "tiled", clock);
  return register <= tiled ? "register" : "tiled";
}

/** Milliseconds of the best round of {@linkcode SUBMITS} products. */
async function measure(
  open: (form: KernelForm) => Promise<Device>,
  form: KernelForm,
  clock: Clock,
): Promise<number> {
  using device = await open(form);
  using program = new Program(device);
  const output = device.tensor([ROWS, OUTER]);
  linearForward(program, {
    input: device.tensor([ROWS, INNER]),
    weight: device.tensor([OUTER, INNER]),
    output,
  });
  using readback = await new Readback(device, output.length * 4).prepare();
  program.copy(output, readback);
  const word = new Uint8Array(4);
  let best = Infinity;
  // The first round compiles.
  for (let i = 0; i <= REPEATS; i++) {
    const start = clock.now();
    for (let k = 0; k < SUBMITS; k++) program.submit();
    readback.read(word);
    if (i > 0) best = Math.min(best, clock.now() - start);
  }
  return best;
}
