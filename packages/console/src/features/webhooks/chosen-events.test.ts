import { describe, expect, it } from 'vitest';
import { eventsInWords, namedEvents, singleEvents, specialEvents, tables } from './chosen-events.ts';

describe('the events of a webhook', () => {
  it('of a table that is wanted as a whole are its name', () => {
    const wanted = singleEvents(['channels', 'apps.DELETE', 'bundle.failing']);
    expect([...wanted]).toEqual([
      ...['channels.INSERT', 'channels.UPDATE', 'channels.DELETE', 'apps.DELETE', 'bundle.failing'],
    ]);
    expect(namedEvents(wanted)).toEqual(['channels', 'apps.DELETE', 'bundle.failing']);
  });

  it('lose the name when one of them is not wanted any more', () => {
    const wanted = singleEvents(['channels']);
    wanted.delete('channels.INSERT');
    expect(namedEvents(wanted)).toEqual(['channels.UPDATE', 'channels.DELETE']);
  });

  it('survive the form, also those it does not know', () => {
    for (const events of [tables, Object.keys(specialEvents), ['of_tomorrow.HAPPENED'], []]) {
      expect(namedEvents(singleEvents(events))).toEqual(events);
    }
  });

  it('are told in words', () => {
    expect(eventsInWords(['channels', 'apps.DELETE', 'apps.INSERT', 'rollout.paused', 'x.Y'])).toEqual([
      ...['App: made, deleted', 'Channel: everything', 'A rollout is paused', 'x.Y'],
    ]);
  });
});
