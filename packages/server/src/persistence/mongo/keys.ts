import { createHash } from 'node:crypto';
import { ObjectId } from 'mongodb';

/**
 * A document's id made of what is unique in it. A digest, because MongoDB before 4.2 refuses to index long texts; of 192
 * bits, so that no two are ever the same.
 */
export function keyOf(...parts: readonly (string | number)[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest().subarray(0, 24).toString('base64url');
}

const recordId = /^[0-9a-f]{24}$/;

/** The id of a bundle or release as the database has it; undefined for what cannot be one. */
export function toObjectId(id: string): ObjectId | undefined {
  return recordId.test(id) ? new ObjectId(id) : undefined;
}
