import { describe, expect, it } from 'vitest';
import { buildActor, someTimeMs } from '../testing/builders.ts';
import type { AuditEntry } from './audit.ts';
import { wants } from './webhook.ts';
import { eventsOfEntry, payloadOf } from './webhook-event.ts';

function entry(given: Partial<AuditEntry> = {}): AuditEntry {
  return {
    ...{ id: 7, createdAtMs: someTimeMs, table: 'channels', recordId: '3', operation: 'UPDATE' },
    ...{
      appId: 'com.example.app',
      organizationId: 'org',
      changedFields: ['public'],
      actor: buildActor('ci'),
    },
    ...{ before: { name: 'beta', public: false }, after: { name: 'beta', public: true } },
    ...given,
  };
}

describe('the body of a delivery', () => {
  it('says what was changed, from what to what, by whom and when', () => {
    const [event] = eventsOfEntry(entry());
    if (!event) throw new Error('The entry has no event');
    const expected = {
      ...{ event: 'channels.UPDATE', event_id: 'e1', timestamp: '2026-01-15T12:00:00.000Z', org_id: 'org' },
      data: {
        ...{ table: 'channels', operation: 'UPDATE', record_id: '3', changed_fields: ['public'] },
        ...{ old_record: { name: 'beta', public: false }, new_record: { name: 'beta', public: true } },
        ...{ actor_type: 'apikey', actor_user_id: null, actor_user_email: null },
        ...{ actor_apikey_id: 'token-of-ci', actor_apikey_name: 'ci' },
      },
    };
    expect(JSON.parse(payloadOf(event, 'e1', 'legacy'))).toStrictEqual(expected);
    expect(JSON.parse(payloadOf(event, 'e1', 'standard'))).toStrictEqual({
      type: 'channels.UPDATE',
      ...expected,
    });
  });
});

describe('a change of a channel', () => {
  const typesOf = (given: Partial<AuditEntry>) => eventsOfEntry(entry(given)).map(({ type }) => type);

  it('that pauses its rollout tells of that as well, and by whose decision', () => {
    const after = {
      name: 'beta',
      rollout_paused_at: '2026-01-15T12:00:00.000Z',
      rollout_pause_reason: 'bad',
    };
    const before = { name: 'beta', rollout_paused_at: null, rollout_version: 'b1' };
    const [, pause] = eventsOfEntry(entry({ before, after, changedFields: ['rollout_paused_at'] }));
    expect(pause).toMatchObject({
      type: 'rollout.paused',
      data: {
        app_id: 'com.example.app',
        channel: 'beta',
        rollout_version: 'b1',
        reason: 'bad',
        is_automatic: false,
        action: 'pause',
      },
    });
  });

  it.each(['pause', 'rollback', 'notify'])(
    'of a rollout that fails too often tells so, with the action %s',
    (action) => {
      const after = {
        name: 'beta',
        auto_pause_last_triggered_at: '2026-01-15T12:00:00.000Z',
        auto_pause_action: action,
      };
      const [, pause] = eventsOfEntry(
        entry({ before: {}, after, changedFields: ['auto_pause_last_triggered_at'] }),
      );
      expect(pause).toMatchObject({ type: 'rollout.paused', data: { is_automatic: true, action } });
    },
  );

  it('that resumes a rollout, or anything else, tells of nothing more', () => {
    expect(
      typesOf({ after: { rollout_paused_at: null }, changedFields: ['rollout_paused_at'] }),
    ).toStrictEqual(['channels.UPDATE']);
    expect(typesOf({ operation: 'INSERT', before: null, changedFields: null })).toStrictEqual([
      'channels.INSERT',
    ]);
    expect(typesOf({ organizationId: null })).toStrictEqual([]);
  });
});

it.each([
  [['channels'], 'channels.UPDATE', true],
  [['channels.UPDATE'], 'channels.UPDATE', true],
  [['channels.DELETE'], 'channels.UPDATE', false],
  [['app_versions'], 'apps.UPDATE', false],
  [['rollout.paused'], 'rollout.paused', true],
  [['channels'], 'rollout.paused', false],
  [['bundle.failing'], 'app_versions.UPDATE', false],
])('a webhook for %j wants %s: %s', (events, type, wanted) => {
  expect(wants({ events }, type)).toBe(wanted);
});
