/**
 * Streams of random numbers that data handling draws from; the second word of a
 * Philox key. Class `c` uses round `c` of the permutation.
 */
export const SPLIT_PURPOSE = 0x73706c74;
export const TEST_SPLIT_PURPOSE = 0x74657374;
export const SIGNS_PURPOSE = 0x7369676e;
