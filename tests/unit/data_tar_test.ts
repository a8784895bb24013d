import { deepStrictEqual, ok, rejects, strictEqual } from "node:assert";
import fc from "fast-check";
import { ByteReader } from "../../src/data/byte_reader.ts";
import { ArchiveError, readTar } from "../../src/data/tar.ts";
import {
  join,
  tarEntry,
  type TarItem,
  tarOf,
  toBytes,
} from "../helpers/mod.ts";

const LIMITS = { maxBytes: 1 << 20, maxEntries: 100, maxEntryBytes: 1 << 16 };

/** A stream that hands out the bytes in pieces of the given length. */
function streamOf(bytes: Uint8Array, piece = 700): ReadableStream<Uint8Array> {
  let at = 0;
  return new ReadableStream({
    pull(controller) {
      if (at >= bytes.length) return controller.close();
      controller.enqueue(bytes.subarray(at, at += piece));
    },
  });
}

async function read(
  bytes: Uint8Array,
  { wanted = () => true, ...limits }: Partial<Parameters<typeof readTar>[1]> =
    {},
): Promise<Record<string, string>> {
  const files = await readTar(new ByteReader(streamOf(bytes)), {
    ...LIMITS,
    ...limits,
    wanted,
  });
  return Object.fromEntries(
    [...files].map(([name, data]) => [name, new TextDecoder().decode(data)]),
  );
}

Deno.test("readTar() reads the wanted files whatever the pieces of the stream", async () => {
  const long = "x".repeat(1500);
  const bytes = tarOf([
    { name: "set/", type: "5" },
    { name: "set/a.txt", data: "alpha" },
    { name: "./set/b.txt", data: long },
    { name: "set/c.txt", data: "gamma" },
    { name: "set/empty" },
  ]);
  for (const piece of [1, 511, 512, 513, 100_000]) {
    const files = await readTar(new ByteReader(streamOf(bytes, piece)), {
      ...LIMITS,
      wanted: (name) => name !== "set/c.txt",
    });
    deepStrictEqual([...files.keys()], ["set/a.txt", "set/b.txt", "set/empty"]);
    deepStrictEqual(files.get("set/b.txt"), toBytes(long));
    strictEqual(files.get("set/empty")!.length, 0);
  }
});

Deno.test("readTar() takes long names from extended headers", async () => {
  const name = `${"folder/".repeat(20)}file`;
  const record = ` path=${name}\n`;
  const length = record.length + 3;
  deepStrictEqual(
    await read(
      tarOf([
        { name: "././@LongLink", type: "L", data: `${name}\0` },
        { name: name.slice(0, 99), data: "gnu" },
        { name: "pax", type: "x", data: `${length}${record}` },
        { name: "short", data: "pax" },
      ]).slice(),
    ).catch((error) => error.message),
    `entry ${JSON.stringify(name)} occurs twice`,
  );
  deepStrictEqual(
    await read(tarOf([
      { name: "pax", type: "x", data: `${length}${record}` },
      { name: "short", data: "pax" },
      { name: "next", data: "plain" },
    ])),
    { [name]: "pax", next: "plain" },
  );
});

Deno.test("readTar() refuses names, links, devices and duplicates by name", async () => {
  const cases: [TarItem[], RegExp][] = [
    [[{ name: "../evil", data: "x" }], /"\.\.\/evil" leads out/],
    [[{ name: "a/../../evil", data: "x" }], /leads out/],
    [[{ name: "/etc/passwd", data: "x" }], /"\/etc\/passwd" leads out/],
    [[{ name: "a\\..\\b", data: "x" }], /leads out/],
    [[{ name: "C:/x", data: "x" }], /leads out/],
    [[{ name: "", data: "x" }], /leads out/],
    [[{ name: "l", type: "L", data: "../up\0" }, { name: "a" }], /leads out/],
    [[{ name: "hard", type: "1", link: "x" }], /"hard" is a link/],
    [[{ name: "soft", type: "2", link: "/" }], /"soft" is a link/],
    [[{ name: "dev", type: "3" }], /"dev" is a link or a device/],
    [[{ name: "fifo", type: "6" }], /"fifo" is a link or a device/],
    [[{ name: "a" }, { name: "./a" }], /"a" occurs twice/],
    [
      [{ name: "x", type: "x", data: "20 size=99999999999\n" }],
      /changes a size/,
    ],
  ];
  for (const [items, reason] of cases) {
    await rejects(read(tarOf(items)), (error) => {
      ok(error instanceof ArchiveError);
      ok(reason.test(error.message), error.message);
      return true;
    });
  }
});

Deno.test("readTar() refuses more bytes or entries than allowed", async () => {
  await rejects(
    read(tarOf([{ name: "big", size: 4 * 2 ** 30 - 1 }])),
    /"big" claims 4294967295 bytes, the limit is 1048576/,
  );
  await rejects(
    read(tarOf([{ name: "big", data: new Uint8Array(70_000) }])),
    /"big" has 70000 bytes, the limit is 65536/,
  );
  const many = Array.from({ length: 101 }, (_, i) => ({ name: `f${i}` }));
  await rejects(read(tarOf(many)), /more than 100 entries/);
  strictEqual(Object.keys(await read(tarOf(many.slice(1)))).length, 100);
  const name = { name: "n", type: "L", data: new Uint8Array(5000).fill(97) };
  await rejects(read(tarOf([name])), /name is longer than 4096/);
});

Deno.test("readTar() stops reading an endless stream at its limit", async () => {
  let sent = 0;
  const start = tarOf([{ name: "a", data: "x" }]);
  const endless = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.enqueue(sent === 0 ? start : new Uint8Array(4096));
      sent += 4096;
    },
  });
  await rejects(
    readTar(new ByteReader(endless), { ...LIMITS, wanted: () => true }),
    /unpacks to more than 1048576 bytes/,
  );
  ok(sent < 2 * LIMITS.maxBytes);
});

Deno.test("readTar() refuses archives that are cut or have a wrong checksum", async () => {
  const bytes = tarOf([{ name: "a", data: "x".repeat(600) }]);
  await rejects(
    read(bytes.subarray(0, 700)),
    /ends inside a, after 188 of 600/,
  );
  await rejects(read(bytes.subarray(0, 512 * 3)), /without an end mark/);
  await rejects(read(new Uint8Array()), /ends after 0 unpacked bytes/);
  const damaged = bytes.slice();
  damaged[0] = 98;
  await rejects(read(damaged), /wrong checksum/);
});

Deno.test("readTar() reads or throws ArchiveError for any change of an archive", async () => {
  const items = [
    { name: "d/", type: "5" },
    { name: "d/a", data: "alpha" },
    { name: "long", type: "L", data: "some/name\0" },
    { name: "b", data: "x".repeat(700) },
  ];
  const bytes = tarOf(items);
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), {
        maxLength: 4,
      }),
      fc.nat(bytes.length),
      fc.boolean(),
      async (changes, length, cut) => {
        const changed = bytes.slice();
        for (const [at, value] of changes) changed[at] = value;
        // A valid checksum lets the change reach the checks behind it.
        for (let at = 0; at + 512 <= changed.length; at += 512) {
          if (changed[at + 257] === 117) {
            fixChecksum(changed.subarray(at, at + 512));
          }
        }
        try {
          const files = await read(cut ? changed.subarray(0, length) : changed);
          for (const name of Object.keys(files)) {
            ok(!name.startsWith("/") && !name.split("/").includes(".."), name);
          }
        } catch (error) {
          if (!(error instanceof ArchiveError)) throw error;
        }
      },
    ),
    { numRuns: 400 },
  );
});

function fixChecksum(block: Uint8Array): void {
  block.fill(32, 148, 156);
  const sum = block.reduce((a, b) => a + b, 0);
  block.set(toBytes(sum.toString(8).padStart(6, "0") + "\0 "), 148);
}

Deno.test("readTar() survives any bytes as an archive", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 2000 }),
      async (bytes) => {
        const head = tarEntry({ name: "a", data: "b" });
        for (const archive of [bytes, join(head, bytes)]) {
          await rejects(read(archive), ArchiveError);
        }
      },
    ),
    { numRuns: 100 },
  );
});
