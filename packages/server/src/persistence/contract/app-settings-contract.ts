import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AppSettings } from '../../domain/app.ts';
import type { Store } from '../../ports/store.ts';
import { buildBundle, buildNewChannel, buildRelease, someAuthor } from '../../testing/builders.ts';
import { newAppId, type OpenedStore, type OpenStore, outcomesOf } from './opened-store.ts';

const defaults: AppSettings = { exposeMetadata: false, allowDeviceCustomId: true };
const opposite: AppSettings = { exposeMetadata: true, allowDeviceCustomId: false };

/** The duties of `AppSettingsStore`. */
export function describeAppSettings(open: OpenStore): void {
  describe('app settings', () => {
    let opened: OpenedStore;
    let store: Store;
    beforeAll(async () => {
      opened = await open();
      store = opened.store;
    });
    afterAll(() => opened.destroy());

    async function registeredApp(): Promise<string> {
      const appId = newAppId();
      await store.insertBundle(buildBundle({ appId }), someAuthor);
      return appId;
    }

    const settingsOf = async (appId: string) => (await store.readAppState(appId))?.settings;

    it('are the defaults, whatever registered the app', async () => {
      const byBundle = buildBundle({ appId: newAppId() });
      await store.insertBundle(byBundle, someAuthor);
      const byChannel = await store.insertChannel(
        buildNewChannel({ appId: newAppId() }),
        undefined,
        someAuthor,
      );
      for (const { appId } of [byBundle, byChannel]) expect(await settingsOf(appId)).toStrictEqual(defaults);
    });

    it('are answered whole by a change, and read so afterwards, of one app and of all', async () => {
      const appId = await registeredApp();
      for (const change of [opposite, defaults]) {
        expect(await store.updateAppSettings(appId, change, someAuthor)).toStrictEqual(change);
        expect(await settingsOf(appId)).toStrictEqual(change);
        const all = await store.readAllAppStates();
        expect(all.find((state) => state.appId === appId)?.settings).toStrictEqual(change);
      }
    });

    it('stay as they are when a change does not name them', async () => {
      const appId = await registeredApp();
      expect(await store.updateAppSettings(appId, {}, someAuthor)).toStrictEqual(defaults);
      const exposing = { ...defaults, exposeMetadata: true };
      expect(await store.updateAppSettings(appId, { exposeMetadata: true }, someAuthor)).toStrictEqual(
        exposing,
      );
      expect(await store.updateAppSettings(appId, { allowDeviceCustomId: false }, someAuthor)).toStrictEqual(
        opposite,
      );
      expect(await store.updateAppSettings(appId, {}, someAuthor)).toStrictEqual(opposite);
      expect(await settingsOf(appId)).toStrictEqual(opposite);
    });

    it('are those of one app, to the letter of its id', async () => {
      const [appId, other] = [await registeredApp(), await registeredApp()];
      const upper = appId.toUpperCase();
      await store.insertBundle(buildBundle({ appId: upper }), someAuthor);
      await store.updateAppSettings(appId, opposite, someAuthor);
      for (const each of [other, upper]) expect(await settingsOf(each)).toStrictEqual(defaults);
    });

    it('survive what comes to the app later', async () => {
      const builtin = buildBundle({ appId: newAppId() });
      const { appId } = builtin;
      await store.insertBundle(builtin, someAuthor);
      await store.updateAppSettings(appId, opposite, someAuthor);
      await store.insertBundle(buildBundle({ appId }), someAuthor);
      await store.insertRelease(buildRelease({ appId, builtinBundleId: builtin.id }), someAuthor);
      await store.insertChannel(buildNewChannel({ appId }), undefined, someAuthor);
      expect(await settingsOf(appId)).toStrictEqual(opposite);
    });

    it('cannot be changed of an app that is not registered, and that does not register it', async () => {
      const appId = newAppId();
      for (const change of [opposite, {}]) {
        await expect(store.updateAppSettings(appId, change, someAuthor)).rejects.toMatchObject({
          code: 'app_not_found',
        });
      }
      expect(await store.readAppState(appId)).toBeUndefined();
    });

    it('lose none of 20 changes made at once', async () => {
      const appId = await registeredApp();
      for (const target of [opposite, defaults, opposite]) {
        const { exposeMetadata, allowDeviceCustomId } = target;
        const changes = Array.from({ length: 10 }, () => [
          { exposeMetadata },
          { allowDeviceCustomId },
        ]).flat();
        const outcomes = await outcomesOf(
          changes.map((change) => store.updateAppSettings(appId, change, someAuthor)),
        );
        expect(outcomes).toStrictEqual(changes.map(() => 'done'));
        expect(await settingsOf(appId)).toStrictEqual(target);
      }
    });
  });
}
