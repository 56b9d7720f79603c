import { expect, it } from 'vitest';
import { manifestInWords } from './manifest-words.ts';

it('says whether devices can download single files, and why not', () => {
  expect(manifestInWords({ manifest_state: 'ready', manifest_reason: null })).toMatch(/only the files/);
  expect(manifestInWords({ manifest_state: 'none', manifest_reason: 'encrypted' })).toBe(
    'Devices get the whole zip. It is encrypted, and its uploader sent no list of files.',
  );
  expect(manifestInWords({ manifest_state: 'failed', manifest_reason: 'not_yet_known' })).toMatch(
    /Reason: not yet known\.$/,
  );
});
