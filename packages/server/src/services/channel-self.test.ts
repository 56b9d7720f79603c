import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { autoPauseDefaults, type Channel, channelDefaults, rolloutDefaults } from '../domain/channel.ts';
import { AppError } from '../domain/errors.ts';
import { loadAppSnapshots } from '../persistence/app-snapshots.ts';
import { readDeviceState } from '../persistence/contract/read-device-state.ts';
import { loadDeviceStates } from '../persistence/device-states.ts';
import { openSqliteStore } from '../persistence/sqlite/open-sqlite-store.ts';
import type { AppSnapshots } from '../ports/app-snapshots.ts';
import type { DeviceStates } from '../ports/device-states.ts';
import type { DeviceStateStore, Store } from '../ports/store.ts';
import {
  buildBundle,
  buildRelease,
  nextId,
  someAuthor,
  someDeviceId,
  someTimeMs,
} from '../testing/builders.ts';
import { createFakeClock } from '../testing/fake-clock.ts';
import { type ChannelAsker, type ChannelSelf, createChannelSelf } from './channel-self.ts';

const unknownAppId = 'com.example.nobody';
const newPlugins = [
  '8.51.14',
  '8.0.0',
  '7.34.0',
  '6.34.0',
  '5.34.0',
  '9.0.0',
  '4.0.0',
  '0.0.1',
  '',
  undefined,
];
const legacyPlugins = ['7.33.9', '6.33.9', '5.33.9', '8.0.0-beta.1', '10.0.0', 'abc'];
const legacy = '7.10.0';
const current = '8.51.14';

let store: Store;
let appSnapshots: AppSnapshots;
let deviceStates: DeviceStates;
let channelSelf: ChannelSelf;
/** Each test has an app of its own. */
const clock = createFakeClock();
let appId: string;
let appCount = 0;

beforeAll(async () => {
  store = await openSqliteStore(':memory:');
  appSnapshots = await loadAppSnapshots(store);
  deviceStates = await loadDeviceStates(store, { minFailures: 1 });
  channelSelf = createChannelSelf({ store, appSnapshots, deviceStates, clock });
});
afterAll(() => store.close());
beforeEach(() => {
  appCount += 1;
  appId = `com.example.app${appCount}`;
});

async function addChannel(name: string, given: Partial<Channel> = {}): Promise<Channel> {
  const channel = await store.insertChannel(
    {
      appId,
      name,
      ...channelDefaults,
      rollout: { id: nextId(), ...rolloutDefaults },
      autoPause: autoPauseDefaults,
      createdAtMs: someTimeMs,
      updatedAtMs: someTimeMs,
      ...given,
    },
    undefined,
    someAuthor,
  );
  await appSnapshots.refresh(channel.appId);
  return channel;
}

/** A public channel that no device may choose, two to choose from, and a private one. */
async function addUsualChannels() {
  return {
    production: await addChannel('production', { isPublic: true }),
    beta: await addChannel('beta', { allowDeviceSelfSet: true }),
    alpha: await addChannel('alpha', { allowDeviceSelfSet: true }),
    staff: await addChannel('staff'),
  };
}

function device(given: Partial<ChannelAsker> = {}): ChannelAsker {
  return {
    appId,
    deviceId: someDeviceId,
    platform: 'ios',
    pluginVersion: legacy,
    defaultChannel: undefined,
    rawNativeVersion: '1.0.0',
    nativeBuild: '1',
    ...given,
  };
}

async function pin(channel: Channel): Promise<void> {
  await store.setDeviceOverride({ appId, deviceId: someDeviceId }, channel.id, null, someAuthor);
  await deviceStates.refresh([{ appId, deviceId: someDeviceId }]);
}

async function choose(channel: Channel): Promise<void> {
  await store.setSelfSetChannel({ appId, deviceId: someDeviceId }, channel.id);
  await deviceStates.refresh([{ appId, deviceId: someDeviceId }]);
}

async function change(channel: Channel, given: Partial<Channel>): Promise<void> {
  await store.updateChannel(channel.id, (now) => ({ channel: { ...now, ...given } }), someAuthor);
  await appSnapshots.refresh(appId);
}

/** What is remembered of the device, as the next update check sees it and as it is stored. */
async function remembered() {
  const { overrideChannelId, selfSetChannelId } = deviceStates.find({ appId, deviceId: someDeviceId });
  expect(await readDeviceState(store, appId, someDeviceId)).toMatchObject({
    overrideChannelId,
    selfSetChannelId,
  });
  return { pinned: overrideChannelId, chosen: selfSetChannelId };
}

/** What `get` answers, with the channel by its name. */
function got(asker: ChannelAsker, localChannel?: string): readonly unknown[] {
  const result = channelSelf.get(asker, localChannel);
  return 'channel' in result
    ? [result.code, result.channel.name, result.channel.allowDeviceSelfSet]
    : [result.code];
}

describe('setting a channel', () => {
  it('of an unknown app finds no app', async () => {
    for (const pluginVersion of [legacy, current]) {
      const asker = device({ appId: unknownAppId, pluginVersion });
      expect(await channelSelf.set(asker, 'beta')).toEqual({ code: 'app_not_found' });
    }
  });

  it.each([
    ['nobody', 'channel_not_found'],
    ['Beta', 'channel_not_found'],
    ['beta ', 'channel_not_found'],
    ['__proto__', 'channel_not_found'],
    ['production', 'public_channel_self_set_not_allowed'],
    ['staff', 'channel_self_set_not_allowed'],
  ])('%j is refused as %s, whoever keeps the channel', async (name, code) => {
    await addUsualChannels();
    for (const pluginVersion of [...newPlugins, ...legacyPlugins]) {
      expect(await channelSelf.set(device({ pluginVersion }), name)).toEqual({ code });
    }
    expect(await remembered()).toEqual({ pinned: null, chosen: null });
  });

  it('is refused to an older plugin once as many choices are kept as may be, but not to who has chosen', async () => {
    await addUsualChannels();
    const most = deviceStates.selfSetCount + 1;
    const full = createChannelSelf({ store, appSnapshots, deviceStates, clock, maxSelfSetDevices: most });
    const asker = device({ pluginVersion: legacy });
    const other = device({ pluginVersion: legacy, deviceId: '00000000-0000-4000-8000-000000000001' });
    expect(await full.set(asker, 'beta')).toEqual({ code: 'stored' });
    expect(await full.set(other, 'beta')).toEqual({ code: 'override_not_allowed' });
    expect(await full.set({ ...other, pluginVersion: current }, 'beta')).toEqual({ code: 'allowed' });
    await addChannel('gamma', { allowDeviceSelfSet: true });
    expect(await full.set(asker, 'gamma')).toEqual({ code: 'stored' });
    expect(await full.unset(asker)).toEqual({ code: 'unset' });
    expect(await full.set(other, 'beta')).toEqual({ code: 'stored' });
    expect(await full.unset(other)).toEqual({ code: 'unset' });
  });

  it('finds no channel of another app', async () => {
    await addUsualChannels();
    await addChannel('theirs', { appId: 'com.example.other', allowDeviceSelfSet: true });
    expect(await channelSelf.set(device(), 'theirs')).toEqual({ code: 'channel_not_found' });
  });

  it.each(newPlugins)('with plugin %j is only allowed: the device keeps it', async (pluginVersion) => {
    await addUsualChannels();
    expect(await channelSelf.set(device({ pluginVersion }), 'beta')).toEqual({ code: 'allowed' });
    expect(await remembered()).toEqual({ pinned: null, chosen: null });
  });

  it.each(legacyPlugins)('with plugin %j is kept for the device', async (pluginVersion) => {
    const { beta } = await addUsualChannels();
    const asker = device({ pluginVersion });
    expect(await channelSelf.set(asker, 'beta')).toEqual({ code: 'stored' });
    expect(await remembered()).toEqual({ pinned: null, chosen: beta.id });
    expect(got(asker)).toEqual(['override', 'beta', true]);
  });

  it('replaces what the device chose before, and changes nothing when it is the same', async () => {
    const { alpha, beta } = await addUsualChannels();
    await choose(beta);
    expect(await channelSelf.set(device(), 'beta')).toEqual({ code: 'already_set' });
    expect(await channelSelf.set(device(), 'alpha')).toEqual({ code: 'stored' });
    expect(await remembered()).toEqual({ pinned: null, chosen: alpha.id });
  });

  it('does not ask whether the channel is for this kind of device', async () => {
    await addUsualChannels();
    await addChannel('narrow', {
      allowDeviceSelfSet: true,
      platforms: { ios: false, android: true, electron: true },
      allowProd: false,
      allowDevice: false,
    });
    expect(await channelSelf.set(device(), 'narrow')).toEqual({ code: 'stored' });
    expect(await channelSelf.set(device({ pluginVersion: current }), 'narrow')).toEqual({ code: 'allowed' });
  });

  it('is refused while the current channel does not let devices choose, before anything else', async () => {
    const { beta, staff } = await addUsualChannels();
    await pin(staff);
    for (const name of ['beta', 'staff', 'nobody', 'production']) {
      expect(await channelSelf.set(device(), name)).toEqual({ code: 'cannot_override' });
    }
    expect(await remembered()).toEqual({ pinned: staff.id, chosen: null });

    await store.setDeviceOverride({ appId, deviceId: someDeviceId }, null, null, someAuthor);
    await choose(beta);
    await change(beta, { allowDeviceSelfSet: false });
    expect(await channelSelf.set(device(), 'alpha')).toEqual({ code: 'cannot_override' });
  });

  it('asks of a newer plugin nothing about what is kept here, and leaves it alone', async () => {
    const { staff, beta } = await addUsualChannels();
    await choose(beta);
    await pin(staff);
    const asker = device({ pluginVersion: current });
    expect(await channelSelf.set(asker, 'alpha')).toEqual({ code: 'allowed' });
    expect(await channelSelf.set(asker, 'nobody')).toEqual({ code: 'channel_not_found' });
    expect(await remembered()).toEqual({ pinned: staff.id, chosen: beta.id });
  });

  it('takes the place of a pin to a channel that lets devices choose', async () => {
    const { alpha, beta } = await addUsualChannels();
    await choose(beta);
    await pin(beta);
    expect(await channelSelf.set(device(), 'beta')).toEqual({ code: 'already_set' });
    expect(await channelSelf.set(device(), 'alpha')).toEqual({ code: 'stored' });
    expect(await remembered()).toEqual({ pinned: null, chosen: alpha.id });
    expect(got(device())).toEqual(['override', 'alpha', true]);
  });

  it('to the public one of its platform forgets the choice instead', async () => {
    const { beta } = await addUsualChannels();
    const open = await addChannel('open', {
      isPublic: true,
      allowDeviceSelfSet: true,
      platforms: { ios: false, android: true, electron: false },
    });
    await choose(beta);
    const android = device({ platform: 'android' });
    expect(await channelSelf.set(android, 'open')).toEqual({ code: 'override_removed' });
    expect(await remembered()).toEqual({ pinned: null, chosen: null });
    expect(got(android)).toEqual(['default', 'open', true]);
    expect(await channelSelf.set(android, 'open')).toEqual({ code: 'override_removed' });

    expect(await channelSelf.set(device({ platform: 'ios' }), 'open')).toEqual({ code: 'stored' });
    expect(await remembered()).toEqual({ pinned: null, chosen: open.id });
    expect(await channelSelf.set(android, 'open')).toEqual({ code: 'override_removed' });

    await choose(beta);
    await pin(beta);
    expect(await channelSelf.set(android, 'open')).toEqual({ code: 'override_removed' });
    expect(await remembered()).toEqual({ pinned: null, chosen: null });
  });

  it('is a choice of one device of one app', async () => {
    await addUsualChannels();
    await channelSelf.set(device(), 'beta');
    expect(got(device({ deviceId: 'ffffffff-ffff-4fff-8fff-ffffffffffff' }))).toEqual([
      'default',
      'production',
      false,
    ]);
  });

  it('says that it was not taken when the store refuses the write, and does not hide an error of another kind', async () => {
    const { beta } = await addUsualChannels();
    await choose(beta);
    const failing = (error: Error): ChannelSelf => {
      const refused: DeviceStateStore = { ...store, setSelfSetChannel: () => Promise.reject(error) };
      return createChannelSelf({ store: refused, appSnapshots, deviceStates, clock });
    };
    for (const code of ['unavailable', 'insufficient_storage'] as const) {
      const refusing = failing(new AppError(code, 'The database refuses work right now'));
      expect(await refusing.set(device(), 'alpha')).toEqual({ code: 'override_not_allowed' });
      expect(await refusing.unset(device())).toEqual({ code: 'override_not_allowed' });
    }
    const gone = failing(new AppError('channel_not_found', 'There is no such channel'));
    expect(await gone.set(device(), 'alpha')).toEqual({ code: 'channel_not_found' });
    await expect(failing(new Error('broken')).set(device(), 'alpha')).rejects.toThrow('broken');
    expect(await remembered()).toEqual({ pinned: null, chosen: beta.id });
  });

  it('finds no channel when it was deleted since the snapshot was made', async () => {
    const { beta } = await addUsualChannels();
    await store.deleteChannel(beta.id, someAuthor);
    expect(await channelSelf.set(device(), 'beta')).toEqual({ code: 'channel_not_found' });
  });
});

describe('reading the channel', () => {
  it('of an unknown app finds no app', () => {
    expect(got(device({ appId: unknownAppId }))).toEqual(['app_not_found']);
  });

  it.each([current, legacy])(
    'with plugin %s answers the public one of its platform',
    async (pluginVersion) => {
      await addChannel('phones', {
        isPublic: true,
        platforms: { ios: true, android: true, electron: false },
      });
      expect(got(device({ pluginVersion, platform: 'ios' }))).toEqual(['default', 'phones', false]);
      expect(got(device({ pluginVersion, platform: 'electron' }))).toEqual(['channel_not_found']);
    },
  );

  it.each([current, legacy])(
    'with plugin %s answers a default channel only when it serves',
    async (pluginVersion) => {
      await addUsualChannels();
      await addChannel('droid', {
        allowDeviceSelfSet: true,
        platforms: { ios: false, android: true, electron: false },
      });
      const asking = (defaultChannel: string, platform: 'ios' | 'android' = 'ios') =>
        got(device({ pluginVersion, defaultChannel, platform }));
      expect(asking('beta')).toEqual(['default', 'beta', true]);
      expect(asking('production')).toEqual(['default', 'production', false]);
      expect(asking('staff')).toEqual(['channel_not_found']);
      expect(asking('nobody')).toEqual(['channel_not_found']);
      expect(asking('droid')).toEqual(['channel_not_found']);
      expect(asking('droid', 'android')).toEqual(['default', 'droid', true]);
    },
  );

  it.each([current, legacy])('with plugin %s answers a pin before everything', async (pluginVersion) => {
    const { beta, staff } = await addUsualChannels();
    await choose(beta);
    await pin(staff);
    const asker = device({ pluginVersion, defaultChannel: 'alpha' });
    expect(got(asker)).toEqual(['override', 'staff', false]);
    expect(got(asker, 'alpha')).toEqual(['override', 'staff', false]);
  });

  it('answers what is kept here only to the plugins that leave it here', async () => {
    const { beta } = await addUsualChannels();
    await choose(beta);
    for (const pluginVersion of legacyPlugins) {
      expect(got(device({ pluginVersion, defaultChannel: 'alpha' }))).toEqual(['override', 'beta', true]);
    }
    for (const pluginVersion of newPlugins) {
      expect(got(device({ pluginVersion }))).toEqual(['default', 'production', false]);
    }
  });

  it('believes a newer plugin its own choice only when the device may have it', async () => {
    await addUsualChannels();
    await addChannel('droid', {
      allowDeviceSelfSet: true,
      platforms: { ios: false, android: true, electron: false },
    });
    const asker = device({ pluginVersion: current });
    expect(got(asker, 'beta')).toEqual(['override', 'beta', true]);
    expect(got(asker, 'production')).toEqual(['override', 'production', false]);
    for (const unusable of ['staff', 'nobody', 'droid', '']) {
      expect(got(asker, unusable)).toEqual(['default', 'production', false]);
      expect(got({ ...asker, defaultChannel: 'alpha' }, unusable)).toEqual(['default', 'alpha', true]);
    }
    expect(got(device({ pluginVersion: legacy }), 'beta')).toEqual(['default', 'production', false]);
  });

  it.each([current, legacy])(
    'with plugin %s finds none when a release serves the device',
    async (pluginVersion) => {
      await addUsualChannels();
      const bundle = buildBundle({ appId });
      await store.insertBundle(bundle, someAuthor);
      const release = buildRelease({
        appId,
        builtinBundleId: bundle.id,
        versionName: '1.0',
        versionCode: '7',
      });
      await store.insertRelease(release, someAuthor);
      await store.deployToRelease(
        release.id,
        {
          ...{
            id: nextId(),
            bundleId: bundle.id,
            rolloutBundleId: null,
            actor: 'somebody',
            reason: 'test',
            createdAtMs: someTimeMs,
          },
        },
        someAuthor,
      );
      await appSnapshots.refresh(appId);
      const asker = device({ pluginVersion, rawNativeVersion: '1.0', nativeBuild: '7' });
      expect(got(asker)).toEqual(['channel_not_found']);
      expect(got({ ...asker, nativeBuild: '8' })).toEqual(['default', 'production', false]);
      expect(got({ ...asker, defaultChannel: 'beta' })).toEqual(['default', 'beta', true]);
    },
  );

  it('finds none in an app without channels', async () => {
    await store.insertBundle(buildBundle({ appId }), someAuthor);
    await appSnapshots.refresh(appId);
    for (const pluginVersion of [current, legacy]) {
      expect(got(device({ pluginVersion, defaultChannel: 'production' }), 'production')).toEqual([
        'channel_not_found',
      ]);
    }
  });
});

describe('dropping the choice', () => {
  it('of an unknown app finds no app', async () => {
    expect(await channelSelf.unset(device({ appId: unknownAppId }))).toEqual({ code: 'app_not_found' });
  });

  it.each(newPlugins)('with plugin %j is fine and touches nothing', async (pluginVersion) => {
    const { beta, staff } = await addUsualChannels();
    await choose(beta);
    await pin(staff);
    expect(await channelSelf.unset(device({ pluginVersion }))).toEqual({ code: 'unset' });
    expect(await remembered()).toEqual({ pinned: staff.id, chosen: beta.id });
  });

  it.each(legacyPlugins)(
    'with plugin %j forgets it, and then there is none to drop',
    async (pluginVersion) => {
      const { beta } = await addUsualChannels();
      await choose(beta);
      const asker = device({ pluginVersion });
      expect(await channelSelf.unset(asker)).toEqual({ code: 'unset' });
      expect(await remembered()).toEqual({ pinned: null, chosen: null });
      expect(got(asker)).toEqual(['default', 'production', false]);
      expect(await channelSelf.unset(asker)).toEqual({ code: 'cannot_override' });
    },
  );

  it('is refused while the current channel does not let devices choose', async () => {
    const { beta, staff } = await addUsualChannels();
    await choose(beta);
    await pin(staff);
    expect(await channelSelf.unset(device())).toEqual({ code: 'cannot_override' });
    expect(await remembered()).toEqual({ pinned: staff.id, chosen: beta.id });
  });

  it('also drops a pin to a channel that lets devices choose', async () => {
    const { alpha, beta } = await addUsualChannels();
    await choose(alpha);
    await pin(beta);
    expect(await channelSelf.unset(device())).toEqual({ code: 'unset' });
    expect(await remembered()).toEqual({ pinned: null, chosen: null });
  });
});

describe('listing channels', () => {
  const asker = { platform: 'ios', isEmulator: false, isProd: true } as const;
  const listed = (given: Partial<Parameters<ChannelSelf['list']>[0]> = {}) => {
    const result = channelSelf.list({ appId, ...asker, ...given });
    return result.code === 'listed' ? result.channels.map(({ name }) => name) : result.code;
  };

  it('of an unknown app finds no app, and of an app without channels none', async () => {
    expect(listed({ appId: unknownAppId })).toBe('app_not_found');
    await store.insertBundle(buildBundle({ appId }), someAuthor);
    await appSnapshots.refresh(appId);
    expect(listed()).toEqual([]);
  });

  it('leaves out what is neither public nor to be chosen', async () => {
    await addUsualChannels();
    expect(listed()).toEqual(['alpha', 'beta', 'production']);
  });

  it('leaves out what is not for this platform', async () => {
    await addChannel('phones', {
      allowDeviceSelfSet: true,
      platforms: { ios: true, android: true, electron: false },
    });
    await addChannel('droid', {
      allowDeviceSelfSet: true,
      platforms: { ios: false, android: true, electron: false },
    });
    expect(listed({ platform: 'ios' })).toEqual(['phones']);
    expect(listed({ platform: 'android' })).toEqual(['droid', 'phones']);
    expect(listed({ platform: 'electron' })).toEqual([]);
  });

  it.each([
    ['allowDevice', { isEmulator: false }],
    ['allowEmulator', { isEmulator: true }],
    ['allowProd', { isProd: true }],
    ['allowDev', { isProd: false }],
  ] as const)(
    'leaves out a channel whose %s is off, for those it concerns only',
    async (setting, concerned) => {
      await addChannel('narrow', { isPublic: true, [setting]: false });
      for (const isEmulator of [true, false]) {
        for (const isProd of [true, false]) {
          const isConcerned = Object.entries(concerned).every(
            ([name, value]) => ({ isEmulator, isProd })[name as 'isEmulator' | 'isProd'] === value,
          );
          expect(listed({ isEmulator, isProd })).toEqual(isConcerned ? [] : ['narrow']);
        }
      }
    },
  );
});
