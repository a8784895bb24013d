import { match, rejects, strictEqual } from "node:assert";
import { diskError, realEnv, SignetError } from "../../src/env/mod.ts";

Deno.test("append() names the file and what to do when the disk is full", async () => {
  await rejects(realEnv.disk.append("/dev/full", "x"), (error) => {
    strictEqual(error instanceof SignetError, true);
    const { message, hint } = error as SignetError;
    match(message, /^Cannot write \/dev\/full: No space left on device/);
    match(hint!, /free some space/);
    strictEqual((error as SignetError).exitCode, 1);
    return true;
  });
});

Deno.test("diskError() names the file that the system names", () => {
  const message = "Read-only file system (os error 30): mkdir '/a/b: c'";
  const error = Object.assign(new Error(message), { code: "EROFS" });
  strictEqual(
    diskError(error)?.message,
    "Cannot write /a/b: c: Read-only file system (os error 30)",
  );
});

Deno.test("makeFolder() and write() say which path is no folder", async () => {
  const file = await Deno.makeTempFile();
  const wrong = async (attempt: Promise<void>, text: RegExp) =>
    await rejects(attempt, (error) => {
      strictEqual(error instanceof SignetError, true);
      match((error as SignetError).message, text);
      return true;
    });
  await wrong(realEnv.disk.makeFolder(file), /: it is a file$/);
  await wrong(realEnv.disk.makeFolder(`${file}/x`), /^Cannot use .*\/x: Not a/);
  await wrong(realEnv.disk.write(`${file}/x`, ""), /^Cannot use .*\/x: Not a/);
  await wrong(
    realEnv.disk.makeFolder("/proc/x/y"),
    /its file system takes none/,
  );
  const long = `${file}-${"x".repeat(300)}`;
  await wrong(realEnv.disk.makeFolder(long), /^Cannot use .*x: .* too long/);
  await Deno.remove(file);
});

Deno.test("diskError() takes a disk that fails for no defect", async () => {
  // The one file of every machine that cannot be read.
  const error = await Deno.readTextFile("/proc/self/mem").catch((e) => e);
  const found = diskError(error)!;
  match(found.message, /^Cannot reach \/proc\/self\/mem: Input\/output error/);
  strictEqual(found.exitCode, 1);
});

Deno.test("diskError() takes a refused access for what it is", () => {
  const message = "Permission denied (os error 13): open '/a/b'";
  const error = Object.assign(new Error(message), { code: "EACCES" });
  const found = diskError(error)!;
  strictEqual(
    found.message,
    "Cannot use /a/b: Permission denied (os error 13)",
  );
  strictEqual(found.exitCode, 2);
});

Deno.test("diskError() takes other errors for what they are", () => {
  for (
    const error of [
      new TypeError("x"),
      new Deno.errors.NotFound("x"),
      undefined,
      "x",
    ]
  ) strictEqual(diskError(error), undefined);
});
