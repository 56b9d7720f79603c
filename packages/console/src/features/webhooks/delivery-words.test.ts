import { describe, expect, it } from 'vitest';
import { answerOf, attemptsOf, readable } from './delivery-words.ts';

const delivery = {
  status: 'pending',
  ...{ attempt_count: 3, max_attempts: 10, response_status: 500, response_body: 'oops' },
} as const;

describe('a delivery', () => {
  it('tells what the last attempt came to', () => {
    expect(answerOf(delivery)).toBe('It answered 500');
    const silent = { ...delivery, response_status: null };
    expect(answerOf({ ...silent, response_body: 'refused' })).toBe('No answer: refused');
    expect(answerOf({ ...silent, response_body: '' })).toBe('No answer');
    expect(answerOf({ ...silent, attempt_count: 0, response_body: null })).toBeUndefined();
  });

  it('tells of how many attempts that was the last, while there may be more', () => {
    expect(attemptsOf(delivery)).toBe('3 attempts of 10');
    expect(attemptsOf({ ...delivery, status: 'success', attempt_count: 1 })).toBe('1 attempt');
    expect(attemptsOf({ ...delivery, attempt_count: 0 })).toBe('not tried yet');
  });

  it('shows an answer in JSON field by field, and any other as it came', () => {
    expect(readable('{"a":1}')).toBe('{\n  "a": 1\n}');
    expect(readable('<h1>502</h1>')).toBe('<h1>502</h1>');
  });
});
