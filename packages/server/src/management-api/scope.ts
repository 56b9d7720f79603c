import { isAppId } from '@capgo-server/protocol/formats/identifiers';
import { type Caller, seesApp } from '../domain/access.ts';
import { AppError } from '../domain/errors.ts';
import type { Bundles } from '../services/bundles.ts';

/** An app that nobody has, whatever is stored: no id of one looks like it. */
const nobodysApp = '?';

/** The app to ask for instead of one that the caller may not see: what it is answered then is what all are answered. */
export function appAsSeen(caller: Caller, appId: string): string {
  return seesApp(caller, appId) ? appId : nobodysApp;
}

/** Which apps a list is of: the one that it names, or all that the caller may see. */
export function appsAsSeen(
  caller: Caller,
  appId: string | undefined,
): { readonly appIds?: readonly string[] | undefined } {
  if (appId !== undefined) return { appIds: [appAsSeen(caller, appId)] };
  return caller.apps === null ? {} : { appIds: [...caller.apps] };
}

/** Rejects with `app_not_found` when the caller may not see the app; what is no id of one is left to who checks that. */
export function requireSeen(caller: Caller, appId: string): void {
  if (isAppId(appId) && !seesApp(caller, appId))
    throw new AppError('app_not_found', `There is no app ${appId}`);
}

/** The record, unless it is of an app that the caller may not see: then there is none, as for an id that nobody has. */
export function asSeen<Each extends { readonly appId: string }>(
  caller: Caller,
  record: Each | undefined,
): Each | undefined {
  return record && seesApp(caller, record.appId) ? record : undefined;
}

/** Rejects with `bundle_not_found`, in the store's words, unless the bundle is of an app that the caller may see. */
export async function requireSeenBundle(
  bundles: Pick<Bundles, 'find'>,
  caller: Caller,
  id: string,
): Promise<void> {
  if (asSeen(caller, await bundles.find(id))) return;
  throw new AppError('bundle_not_found', `There is no bundle with id ${id}`);
}
