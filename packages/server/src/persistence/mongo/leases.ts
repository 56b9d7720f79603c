import type { Leases } from '../../ports/changes.ts';
import type { MongoDatabase } from './database.ts';
import { isDuplicateKey } from './errors.ts';

export function createMongoLeases({ leases }: MongoDatabase): Leases {
  return {
    async takeLease({ name, holder, nowMs, untilMs }) {
      try {
        const { matchedCount, upsertedCount } = await leases.updateOne(
          { _id: name, $or: [{ holder }, { expires_at: { $lte: nowMs } }] },
          { $set: { holder, expires_at: untilMs } },
          { upsert: true },
        );
        return matchedCount + upsertedCount === 1;
      } catch (error) {
        // Somebody else has it, so the condition finds nothing to update, and the name is taken.
        if (isDuplicateKey(error)) return false;
        throw error;
      }
    },

    async releaseLease(name, holder) {
      await leases.deleteOne({ _id: name, holder });
    },
  };
}
