import { readSafetensors, toFloat32, writeSafetensors } from "../run/mod.ts";
import type { GoldenContext } from "./context.ts";
import type { Fixture } from "./fixture.ts";

/** Tensors that hold the same numbers in two types. */
const TWINS = [["f64", "f32"], ["i64", "i32"]] as const;

/** Every type survives being read and written; twins agree. */
export function dtypesCase(fixture: Fixture): Promise<void> {
  const tensors = new Map(
    fixture.names.map((name) => [name, fixture.stored(name)]),
  );
  const copy = readSafetensors(writeSafetensors(tensors), "copy").tensors;
  for (const [name, { shape, dtype, data }] of tensors) {
    const twin = copy.get(name)!;
    if (twin.dtype !== dtype || `${twin.shape}` !== `${shape}`) {
      fixture.fail(
        "exact",
        `${name} comes back as ${twin.dtype} [${twin.shape}]`,
      );
    }
    const same = data.length === twin.data.length &&
      data.every((byte, i) => byte === twin.data[i]);
    if (!same) fixture.fail("exact", `${name} comes back with other bytes`);
    fixture.compare("exact", name, toFloat32(twin));
  }
  for (const [wide, narrow] of TWINS) {
    if (!fixture.has(wide) || !fixture.has(narrow)) continue;
    fixture.compare("exact", narrow, fixture.expected(wide));
  }
  return Promise.resolve();
}

/** f16 and bf16 of the file without `.expected`, widened to f32. */
export async function widenedCase(
  fixture: Fixture,
  context: GoldenContext,
): Promise<void> {
  const source = await context.sibling("dtypes");
  if (source === undefined) {
    return fixture.fail("exact", "dtypes.safetensors is not in the folder");
  }
  for (const name of fixture.names) {
    fixture.compare("exact", name, toFloat32(source.stored(name)));
  }
}
