import type { ApiKeyStore } from '../ports/api-keys.ts';
import type { Clock } from '../ports/clock.ts';

/** When keys were used, gathered in memory: a write for each request would cost more than most requests. */
export interface ApiKeyUses {
  note(id: number): void;
  /** Writes what was noted since the last time; when the store fails it rejects, and writes the same next time. */
  flush(): Promise<void>;
}

export function createApiKeyUses(deps: {
  readonly store: Pick<ApiKeyStore, 'recordApiKeyUses'>;
  readonly clock: Clock;
}): ApiKeyUses {
  const { store, clock } = deps;
  let noted = new Map<number, number>();
  return {
    note(id) {
      noted.set(id, clock.now());
    },
    async flush() {
      if (noted.size === 0) return;
      const writing = noted;
      noted = new Map();
      try {
        await store.recordApiKeyUses([...writing].map(([id, usedAtMs]) => ({ id, usedAtMs })));
      } catch (error) {
        noted = new Map([...writing, ...noted]);
        throw error;
      }
    },
  };
}
