// A wasm module of two functions: `count` counts in its own memory, `trap` does what a panic does in the end.

/** (module (global (mut i32) (i32.const 0)) (func (export "count") …) (func (export "trap") unreachable)) */
export const TRAP = Uint8Array.of(
  0, 0x61, 0x73, 0x6d, 1, 0, 0, 0,
  // types: () -> i32, () -> ()
  1, 8, 2, 0x60, 0, 1, 0x7f, 0x60, 0, 0,
  // functions, and their types
  3, 3, 2, 0, 1,
  // a mutable i32, 0 at first
  6, 6, 1, 0x7f, 1, 0x41, 0, 0x0b,
  // exports: "count" and "trap"
  7, 16, 2, 5, 0x63, 0x6f, 0x75, 0x6e, 0x74, 0, 0, 4, 0x74, 0x72, 0x61, 0x70, 0, 1,
  // count: add one, return it; trap: unreachable
  10, 17, 2, 11, 0, 0x23, 0, 0x41, 1, 0x6a, 0x24, 0, 0x23, 0, 0x0b, 3, 0, 0, 0x0b,
);
