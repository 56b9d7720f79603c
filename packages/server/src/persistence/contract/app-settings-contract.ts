import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AppSettings } from '../../domain/app.ts';
import type { Store } from '../../ports/store.ts';
import { buildBundle, buildNewChannel, buildRelease, someAuthor } from '../../testing/builders.ts';
import { newAppId, type OpenedStore, type OpenStore, outcomesOf } from './opened-store.ts';

const defaults: AppSettings = { exposeMetadata: false, allowDeviceCustomId: true };
const opposite: AppSettings = { exposeMetadata: true, allowDeviceCustomId: false };

/** The duties of `updateApp` that devices notice. */
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

    /** What a change answers of settings. */
    async function change(appId: string, given: Partial<AppSettings>): Promise<AppSettings> {
      const { exposeMetadata, allowDeviceCustomId } = await store.updateApp(appId, given, someAuthor);
      return { exposeMetadata, allowDeviceCustomId };
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
      for (const given of [opposite, defaults]) {
        expect(await change(appId, given)).toStrictEqual(given);
        expect(await settingsOf(appId)).toStrictEqual(given);
        const all = await store.readAllAppStates();
        expect(all.find((state) => state.appId === appId)?.settings).toStrictEqual(given);
      }
    });

    it('stay as they are when a change does not name them', async () => {
      const appId = await registeredApp();
      expect(await change(appId, {})).toStrictEqual(defaults);
      const exposing = { ...defaults, exposeMetadata: true };
      expect(await change(appId, { exposeMetadata: true })).toStrictEqual(exposing);
      expect(await change(appId, { allowDeviceCustomId: false })).toStrictEqual(opposite);
      expect(await change(appId, {})).toStrictEqual(opposite);
      expect(await settingsOf(appId)).toStrictEqual(opposite);
    });

    it('are those of one app, to the letter of its id', async () => {
      const [appId, other] = [await registeredApp(), await registeredApp()];
      const upper = appId.toUpperCase();
      await store.insertBundle(buildBundle({ appId: upper }), someAuthor);
      await change(appId, opposite);
      for (const each of [other, upper]) expect(await settingsOf(each)).toStrictEqual(defaults);
    });

    it('survive what comes to the app later', async () => {
      const builtin = buildBundle({ appId: newAppId() });
      const { appId } = builtin;
      await store.insertBundle(builtin, someAuthor);
      await change(appId, opposite);
      await store.insertBundle(buildBundle({ appId }), someAuthor);
      await store.insertRelease(buildRelease({ appId, builtinBundleId: builtin.id }), someAuthor);
      await store.insertChannel(buildNewChannel({ appId }), undefined, someAuthor);
      expect(await settingsOf(appId)).toStrictEqual(opposite);
    });

    it('cannot be changed of an app that is not registered, and that does not register it', async () => {
      const appId = newAppId();
      for (const given of [opposite, {}]) {
        await expect(change(appId, given)).rejects.toMatchObject({ code: 'app_not_found' });
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
        const outcomes = await outcomesOf(changes.map((given) => change(appId, given)));
        expect(outcomes).toStrictEqual(changes.map(() => 'done'));
        expect(await settingsOf(appId)).toStrictEqual(target);
      }
    });
  });
}
