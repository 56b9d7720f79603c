import type { AttemptResult } from '../ports/webhooks.ts';

/** What an attempt makes of a delivery, as both engines keep it. */
export function resultFields(result: AttemptResult) {
  return {
    ...{ status: result.status, attempt_count: result.attemptCount, next_attempt_at: result.nextAttemptAtMs },
    ...{ completed_at: result.completedAtMs, duration_ms: result.durationMs },
    ...{ response_status: result.responseStatus, response_body: result.responseBody },
    response_headers: result.responseHeaders === null ? null : JSON.stringify(result.responseHeaders),
  };
}
