import { expect, it } from 'vitest';
import { wordsOf } from './event-words.ts';

it('says what devices report in words, also what it has no sentence for', () => {
  expect(wordsOf('set')).toEqual({ text: 'Installed the bundle', color: 'teal' });
  expect(wordsOf('download_40')).toEqual({ text: 'Downloaded 40 %', color: 'gray' });
  expect(wordsOf('brotli_decode_fail')).toEqual({ text: 'Brotli decode fail', color: 'red' });
  expect(wordsOf('cannotUpdateViaPrivateChannel').text).toBe('Cannot update via private channel');
});
