import { CELL_COUNT, ImageCells, type Move } from "./image_cells.ts";
import { likeness } from "./likeness.ts";
import { SignTables } from "./sign_tables.ts";
import { Whitening } from "./whitening.ts";

/** Farthest move that is found, of 32 pixels. */
const FARTHEST = 2;
const UNMOVED: Move = { dx: 0, dy: 0, mirrored: false };
const MOVES: readonly Move[] = [false, true].flatMap((mirrored) =>
  range(FARTHEST).flatMap((dy) =>
    range(FARTHEST).map((dx) => ({ dx, dy, mirrored }))
  )
);
/** Images that the whitening is fitted to. */
const MOST_FITTED = 4000;
/** Candidates of an image that are compared. */
const MOST_COMPARED = 8;
/** Least correlations of near duplicates. */
const LEAST_WHOLE = 0.96;
const LEAST_DETAIL = 0.985;
const MOST_LIKE = 0.9999;
/** Images between two signs of life. */
const SHARE = 64;

/** Images to be searched. */
export interface ComparedImages {
  /** Part of each image: only those of different parts are compared. */
  parts: Uint8Array;
  /** An image as `[channels, 32, 32]`. */
  at(index: number): Uint8Array;
}

/** Two images that show the same. */
export interface NearPair {
  first: number;
  second: number;
  /** Correlation of their pixels, at most 0.9999: 1 stands for equal ones. */
  likeness: number;
  /** One of them is mirrored. */
  mirrored: boolean;
}

/**
 * Finds images of different parts that show the same though their pixels differ:
 * coded anew, brighter, moved by up to 2 of 32 pixels, or mirrored.
 *
 * Every image of the smaller parts is looked up in all these moves among those of
 * the larger parts, by signs of its whitened cells; what is near is compared pixel by
 * pixel. O(n log n) in practice.
 *
 * @param onShare Called now and then while it works.
 */
export function findNearDuplicates(
  images: ComparedImages,
  onShare: () => void = () => {},
): NearPair[] {
  const { ranks, parts } = rankParts(images.parts);
  if (parts < 2) return [];
  const whitening = fitWhitening(images);
  const reader = new ImageCells();
  const cells = new Float64Array(CELL_COUNT);
  const whitened = new Float64Array(CELL_COUNT);

  const vectors = new Float32Array(ranks.length * CELL_COUNT);
  const findable: number[] = [];
  for (const [index, rank] of ranks.entries()) {
    if (index % SHARE === 0) onShare();
    if (rank === 0) continue;
    reader.take(images.at(index));
    if (!reader.read(UNMOVED, cells)) continue;
    whitening.apply(cells, whitened);
    vectors.set(whitened, index * CELL_COUNT);
    findable.push(index);
  }
  if (findable.length === 0) return [];
  const tables = new SignTables(vectors, CELL_COUNT, findable);

  const pairs: NearPair[] = [];
  for (const [index, rank] of ranks.entries()) {
    if (index % SHARE === 0) onShare();
    if (rank === parts - 1) continue;
    const image = images.at(index);
    reader.take(image);
    const near = new Map<number, { cosine: number; move: Move }>();
    for (const move of MOVES) {
      if (!reader.read(move, cells)) continue;
      whitening.apply(cells, whitened);
      tables.find(whitened, (other, cosine) => {
        if (ranks[other]! <= rank) return;
        if (cosine > (near.get(other)?.cosine ?? 0)) {
          near.set(other, { cosine, move });
        }
      });
    }
    const likely = [...near].sort(([, a], [, b]) => b.cosine - a.cosine);
    for (const [other, { move }] of likely.slice(0, MOST_COMPARED)) {
      const { whole, detail } = likeness(images.at(other), image, move);
      if (whole < LEAST_WHOLE || detail < LEAST_DETAIL) continue;
      pairs.push({
        first: index,
        second: other,
        likeness: Math.min(whole, MOST_LIKE),
        mirrored: move.mirrored,
      });
    }
  }
  return pairs;
}

/** Fitted to images spread evenly over all, those that are flat left out. */
function fitWhitening({ parts, at }: ComparedImages): Whitening {
  const reader = new ImageCells();
  const fitted = Math.min(parts.length, MOST_FITTED);
  const rows = new Float64Array(fitted * CELL_COUNT);
  let used = 0;
  for (let i = 0; i < fitted; i++) {
    reader.take(at(Math.floor(i * parts.length / fitted)));
    const row = rows.subarray(used * CELL_COUNT, (used + 1) * CELL_COUNT);
    if (reader.read(UNMOVED, row)) used++;
  }
  return new Whitening(rows.subarray(0, used * CELL_COUNT), CELL_COUNT);
}

/** Place of each image's part among the parts, the smallest first. */
function rankParts(
  parts: Uint8Array,
): { ranks: Uint8Array; parts: number } {
  const sizes = new Map<number, number>();
  for (const part of parts) sizes.set(part, (sizes.get(part) ?? 0) + 1);
  const order = [...sizes].sort(([a, m], [b, n]) => m - n || a - b);
  const places = new Map(order.map(([part], place) => [part, place]));
  return {
    ranks: parts.map((part) => places.get(part)!),
    parts: order.length,
  };
}

/** -n..n */
function range(n: number): number[] {
  return Array.from({ length: 2 * n + 1 }, (_, i) => i - n);
}
