import { isSignedOn, storedKey } from './credential.ts';

/** The headers that prove who sends a request. */
export async function credentialHeaders(): Promise<Record<string, string>> {
  const key = storedKey();
  if (key !== undefined) return { 'x-api-key': key };
  if (!isSignedOn()) return {};
  // Loaded by who signs on only: it is a library of its own.
  const { accessToken } = await import('./sign-on.ts');
  const token = await accessToken();
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}
