/** Bounds on what crosses the wire. Sizes are bytes of UTF-8 unless said otherwise. */
export const limits = {
  /** Body of a JSON request. */
  bodyBytes: 256 * 1024,
  /** Nesting of a JSON body: `{"a":[1]}` is 2 deep. */
  bodyDepth: 20,
  /** Keys of all objects of a JSON body together. */
  bodyKeys: 2000,
  /** One executable. */
  executableBytes: 256 * 1024 * 1024,
  parameters: 100,
  /** One parameter value. The kernel takes at most 131,072 bytes for `name=value\0` (execve(2), MAX_ARG_STRLEN). */
  valueBytes: 32 * 1024,
  /** All parameter values of a run together. */
  valuesBytes: 256 * 1024,
  labels: 16,
  labelLength: 128,
  idempotencyKeyLength: 255,
  /** `$ERRAND_OUTPUT`, the JSON result of a task. */
  outputBytes: 64 * 1024,
  /** Files in `$ERRAND_OUTPUT_DIR`: how many, and how large each may be. */
  files: 16,
  fileBytes: 64 * 1024 * 1024,
  /** The runner's `result.json`. */
  resultBytes: 64 * 1024,
  /** Runs of one page of a listing. */
  pageSize: 200,
  /** Runs that one overview looks at, and how far back it may look, in hours. */
  overviewRuns: 1000,
  overviewHours: 720,
  /** The longest that `?wait=` may wait, in seconds. */
  waitSeconds: 60,
} as const;
