import { hash } from 'node:crypto';
import type { Caller } from '../domain/access.ts';
import { callerOf, isExpired } from '../domain/api-key.ts';
import { AppError } from '../domain/errors.ts';
import type { ApiKeyIndex } from '../ports/api-keys.ts';
import type { Clock } from '../ports/clock.ts';
import type { ApiKeyUses } from './api-key-uses.ts';
import type { ChangeFollower } from './change-follower.ts';

/** How a key's text is kept and looked for. */
export function hashOfKey(text: string): string {
  return hash('sha256', text, 'hex');
}

/** So old what is known of keys may be: a revoked one stops working on every node within it. */
const maxAgeMs = 1_000;

export interface ApiKeyCallers {
  /**
   * Who a text proves to be calling; undefined for one that is no key, or one that has expired. Answered from memory,
   * unless that was not confirmed for a second: then the store is asked first, and without its word no key is good,
   * because it could have been revoked. Rejects with `unavailable` for a key that was good when the store was heard of
   * last.
   */
  find(text: string): Promise<Caller | undefined>;
}

export function createApiKeyCallers(deps: {
  readonly index: Pick<ApiKeyIndex, 'find'>;
  readonly follower: ChangeFollower;
  readonly uses: Pick<ApiKeyUses, 'note'>;
  readonly clock: Clock;
}): ApiKeyCallers {
  const { index, follower, uses, clock } = deps;
  return {
    async find(text) {
      const wanted = hashOfKey(text);
      if (clock.now() - follower.confirmedAtMs > maxAgeMs) {
        try {
          await follower.follow();
        } catch (error) {
          if (!index.find(wanted)) return undefined;
          throw new AppError('unavailable', 'Whether this API key is still valid cannot be told now', {
            cause: error,
          });
        }
      }
      // Looked up by its hash: how long that takes says nothing of any key that somebody could come nearer to.
      const key = index.find(wanted);
      if (!key || isExpired(key, clock.now())) return undefined;
      uses.note(key.id);
      return callerOf(key);
    },
  };
}
