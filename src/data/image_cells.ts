/** Side of the images that are compared. */
export const COMPARED_SIDE = 32;
/** Bytes of a channel. */
export const COMPARED_PLANE = COMPARED_SIDE ** 2;
/** Cells along a side of the middle, and the side of one. */
const CELLS = 6;
const CELL = 4;
const MARGIN = (COMPARED_SIDE - CELLS * CELL) / 2;
/** Numbers that describe an image. */
export const CELL_COUNT = CELLS ** 2;
/** Deviation of the cells, of 255, below which an image shows nothing. */
const FLAT = 2;

/** Where in one image the pixel at (x, y) of another one is: `x + dx`, or `31 - x - dx` when mirrored. */
export interface Move {
  readonly dx: number;
  readonly dy: number;
  readonly mirrored: boolean;
}

/**
 * Describes an image by the mean brightness of 6x6 cells in its middle: gains and
 * offsets of the brightness do not change it, noise and coding hardly do.
 */
export class ImageCells {
  /** Sums of the pixels above and left of each corner, `[33, 33]`. */
  readonly #sums = new Float64Array((COMPARED_SIDE + 1) ** 2);

  /** Takes an image, `[channels, 32, 32]`. */
  take(image: Uint8Array): void {
    const channels = image.length / COMPARED_PLANE;
    const width = COMPARED_SIDE + 1;
    const sums = this.#sums;
    for (let y = 0; y < COMPARED_SIDE; y++) {
      let row = 0;
      for (let x = 0; x < COMPARED_SIDE; x++) {
        let value = 0;
        for (let c = 0; c < channels; c++) {
          value += image[c * COMPARED_PLANE + y * COMPARED_SIDE + x]!;
        }
        row += value / channels;
        const corner = (y + 1) * width + x + 1;
        sums[corner] = sums[corner - width]! + row;
      }
    }
  }

  /**
   * Writes the cells as an image moved like this shows them, of mean 0 and length 1;
   * false when the image is flat.
   *
   * @param move By at most 4 pixels.
   */
  read({ dx, dy, mirrored }: Move, cells: Float64Array): boolean {
    const width = COMPARED_SIDE + 1;
    const sums = this.#sums;
    let total = 0;
    for (let row = 0; row < CELLS; row++) {
      const top = (MARGIN + row * CELL + dy) * width;
      const bottom = top + CELL * width;
      for (let column = 0; column < CELLS; column++) {
        const left = mirrored
          ? COMPARED_SIDE - MARGIN - (column + 1) * CELL - dx
          : MARGIN + column * CELL + dx;
        const right = left + CELL;
        const mean = (sums[bottom + right]! - sums[bottom + left]! -
          sums[top + right]! + sums[top + left]!) / CELL ** 2;
        cells[row * CELLS + column] = mean;
        total += mean;
      }
    }
    let squares = 0;
    for (let i = 0; i < CELL_COUNT; i++) {
      cells[i]! -= total / CELL_COUNT;
      squares += cells[i]! ** 2;
    }
    const length = Math.sqrt(squares);
    if (length < FLAT * Math.sqrt(CELL_COUNT)) return false;
    for (let i = 0; i < CELL_COUNT; i++) cells[i]! /= length;
    return true;
  }
}
