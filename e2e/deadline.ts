/** Waits for a promise, but no longer than the deadline; then fails with what `explain` says. */
export async function before<Value>(
  deadlineMs: number,
  promise: Promise<Value>,
  explain: () => string,
): Promise<Value> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`${deadlineMs} ms passed: ${explain()}`)), deadlineMs);
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

const pollEveryMs = 25;

/** Asks again and again until there is an answer, and fails when the deadline passes without one. */
export async function eventually<Value>(
  what: string,
  ask: () => Promise<Value | undefined>,
  deadlineMs = 10_000,
): Promise<Value> {
  const deadline = Date.now() + deadlineMs;
  for (;;) {
    const value = await ask();
    if (value !== undefined) return value;
    if (Date.now() >= deadline) throw new Error(`${deadlineMs} ms passed without ${what}`);
    await new Promise((resolve) => setTimeout(resolve, pollEveryMs));
  }
}
