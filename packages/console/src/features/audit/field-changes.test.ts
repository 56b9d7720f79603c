import { describe, expect, it } from 'vitest';
import { actorOf, fieldName, fieldsInSentence, told } from './audit-words.ts';
import { fieldChanges, isTime, shownValue } from './field-changes.ts';

const channel = { id: 7, name: 'production', public: false, version: null };

describe('an entry of the audit log', () => {
  it('of a change tells the fields that are others, with both values', () => {
    const entry = {
      old_record: channel,
      new_record: { ...channel, public: true, version: 'b1' },
      changed_fields: ['public', 'version'],
    };
    expect(fieldChanges(entry)).toEqual([
      { field: 'public', before: false, after: true },
      { field: 'version', before: null, after: 'b1' },
    ]);
  });

  it('of a record that is new, or gone, tells what it has', () => {
    const made = { old_record: null, new_record: channel, changed_fields: null };
    expect(fieldChanges(made).map(({ field }) => field)).toEqual(['id', 'name', 'public']);
    const gone = { old_record: channel, new_record: null, changed_fields: null };
    expect(fieldChanges(gone)[1]).toEqual({ field: 'name', before: 'production', after: undefined });
  });

  it('shows values as people read them', () => {
    expect(shownValue('public', true)).toBe('yes');
    expect(shownValue('rollout_percentage_bps', 1_250)).toBe('12.5 %');
    expect(shownValue('id', 7)).toBe('7');
    expect(shownValue('events', ['channels', 'apps'])).toBe('channels, apps');
    expect(shownValue('apps', [])).toBe('none');
    expect(shownValue('some', { a: 1 })).toBe('{"a":1}');
    expect(shownValue('name', '')).toBeUndefined();
    expect(isTime('2026-01-31T12:00:00.000Z')).toBe(true);
    expect(isTime('2026-01-31')).toBe(false);
    expect(fieldName('rollout_percentage_bps')).toBe('Rollout percentage');
    expect(fieldName('expires_at')).toBe('Expires');
    expect(fieldsInSentence(['public', 'require_apikey_expiration', 'ios'])).toBe(
      'public, API keys must end, iOS',
    );
  });

  it('says what became of what', () => {
    const base = { record_id: '7', old_record: channel, new_record: channel, changed_fields: ['public'] };
    const change = { ...base, table_name: 'channels', operation: 'UPDATE' as const };
    expect(told(change)).toEqual({ noun: 'Channel', name: 'production', verb: 'changed' });
    expect(told({ ...change, operation: 'INSERT', old_record: null }).verb).toBe('made');
    const pin = { ...change, table_name: 'channel_devices', new_record: { channel_id: 7 }, record_id: 'd' };
    expect(told(pin)).toMatchObject({ noun: 'Device pin', name: 'd' });
    const deleted = { ...change, table_name: 'app_versions', changed_fields: ['deleted'] };
    expect(told({ ...deleted, new_record: { name: '1.0.0', deleted: true } })).toEqual({
      ...{ noun: 'Bundle', name: '1.0.0', verb: 'deleted' },
    });
    expect(told({ ...change, table_name: 'of_tomorrow' }).noun).toBe('of_tomorrow');
  });

  it('says who it was, and by which id the rest of it is found', () => {
    const nobody = {
      ...{ actor_user_id: null, actor_user_email: null, actor_apikey_id: null, actor_apikey_name: null },
    };
    const key = { ...nobody, actor_type: 'apikey', actor_apikey_id: '7', actor_apikey_name: 'CI' };
    expect(actorOf(key)).toEqual({ name: 'CI', id: '7' });
    const person = { ...nobody, actor_type: 'user', actor_user_id: 'auth0|1', actor_user_email: 'a@b.c' };
    expect(actorOf(person)).toEqual({ name: 'a@b.c', id: 'auth0|1' });
    expect(actorOf({ ...nobody, actor_type: 'system' })).toEqual({ name: 'The server', id: null });
    expect(actorOf({ ...nobody, actor_type: 'unknown' })).toEqual({ name: 'A device', id: null });
  });
});
