import { describe, expect, it } from 'vitest';
import { asked, auditFilterOf } from './audit-filter.ts';

describe('the filter of the audit log', () => {
  it('is what the address says of it, and nothing else', () => {
    expect(auditFilterOf({ app_id: 'com.example.app', table: '', days: '7' })).toEqual({
      app_id: 'com.example.app',
    });
  });

  it('asks for whole days of the reader, the last one too', () => {
    const { from, to, actor } = asked({ from: '2026-01-15', to: '2026-01-31', actor: '7' });
    expect(actor).toBe('7');
    expect(from).toBe(new Date(2026, 0, 15).toISOString());
    expect(to).toBe(new Date(2026, 1, 1).toISOString());
  });

  it('passes on a time that somebody put into the address', () => {
    expect(asked({ from: '2026-01-15T10:00:00Z' })).toEqual({ from: '2026-01-15T10:00:00Z' });
    expect(asked({})).toEqual({});
  });
});
