/**
 * How glibc keeps what the engine frees: for its next use, instead of giving it back to the system, which hands it out
 * again page by page (3 to 6 µs each on a virtual machine). Scoring, sampling and training each take gigabytes anew:
 * an iteration of 57 s took 53 (docs/log.md). Other C libraries ignore these names.
 */
export const ALLOCATOR = { MALLOC_MMAP_MAX_: '0', MALLOC_TRIM_THRESHOLD_: '17179869184', MALLOC_ARENA_MAX: '1' }
