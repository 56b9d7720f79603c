import { describe, expect, it } from 'vitest';
import {
  type ArchiveRule,
  archiveRefusal,
  archiveRules,
  checkCompressionRatio,
  checkOneTree,
  findRootFolder,
  maxCompressionRatio,
  maxPathBytes,
  maxSegmentBytes,
  type NamedEntry,
  ratioExemptBytes,
  readEntryName,
  showEntryName,
} from './archive-rules.ts';
import { AppError } from './errors.ts';

const bytes = (text: string) => Buffer.from(text);
const entries = (...names: string[]): NamedEntry[] => names.map((name) => readEntryName(bytes(name), true));

function refusalOf(action: () => unknown): AppError {
  try {
    action();
  } catch (error) {
    if (error instanceof AppError) return error;
    throw error;
  }
  throw new Error('nothing was refused');
}

describe('a name in the zip', () => {
  const refused: [ArchiveRule, Buffer][] = [
    ['empty-name', bytes('')],
    ['name-not-utf8', Buffer.from([0x61, 0xff, 0x62])],
    ['name-not-utf8', Buffer.from([0xc0, 0xae, 0xc0, 0xae, 0x2f, 0x61])],
    ['name-not-utf8', Buffer.from([0xed, 0xa0, 0x80])],
    ['backslash', bytes('css\\app.css')],
    ['backslash', bytes('..\\..\\etc\\passwd')],
    ['control-character', bytes('a\0.js')],
    ['control-character', bytes('a\nb.js')],
    ['control-character', bytes('a\x7f.js')],
    ['control-character', bytes('a\u0085.js')],
    ['absolute-path', bytes('/index.html')],
    ['absolute-path', bytes('/')],
    ['absolute-path', bytes('//host/share')],
    ['drive-letter', bytes('C:/index.html')],
    ['drive-letter', bytes('c:index.html')],
    ['escaping-path', bytes('../index.html')],
    ['escaping-path', bytes('a/../b')],
    ['escaping-path', bytes('a/..')],
    ['escaping-path', bytes('../')],
    ['dot-segment', bytes('./index.html')],
    ['dot-segment', bytes('a/./b')],
    ['dot-segment', bytes('a/./')],
    ['empty-segment', bytes('a//b')],
    ['empty-segment', bytes('a//')],
    ['segment-too-long', bytes(`a/${'x'.repeat(maxSegmentBytes + 1)}`)],
    ['segment-too-long', bytes('é'.repeat(128))],
    ['path-too-long', bytes('a/'.repeat(maxPathBytes / 2 + 1))],
    ['path-too-long', bytes(`${'a/'.repeat(maxPathBytes / 2)}b`)],
  ];
  it.each(refused.map(([rule, name]) => ({ rule, name, shown: showEntryName(name) })))(
    'is refused by the rule $rule: "$shown"',
    ({ rule, name, shown }) => {
      expect(refusalOf(() => readEntryName(name, true))).toMatchObject({
        code: 'invalid_bundle',
        details: { rule, entry: shown },
      });
    },
  );

  it.each([
    'index.html',
    'a/b/c.js',
    '.well-known/assetlinks.json',
    '..foo',
    'foo..',
    'a..b/c...d',
    '...',
    'ab:c.js',
    'a/c:/d.js',
    'space in name .txt',
    'été/日本語/🎉.png',
    '\ufeffbom.js',
    '%2e%2e/x',
    'x'.repeat(maxSegmentBytes),
    'é'.repeat(127),
    `${'a/'.repeat(maxPathBytes / 2 - 1)}bc`,
  ])('is accepted and kept as it stands: %j', (name) => {
    expect(readEntryName(bytes(name), true)).toMatchObject({ path: name, isFolder: false });
  });

  it('is a folder when it ends with a slash, which is no part of the path', () => {
    expect(readEntryName(bytes('a/b/'), true)).toMatchObject({ path: 'a/b', isFolder: true });
    expect(readEntryName(bytes(`${'a/'.repeat(maxPathBytes / 2 - 1)}bc/`), true).path).toHaveLength(
      maxPathBytes,
    );
  });

  it('must be marked as UTF-8 when it is not ASCII, because iOS reads code page 437 otherwise', () => {
    expect(refusalOf(() => readEntryName(bytes('été.js'), false)).details).toMatchObject({
      rule: 'name-encoding-flag',
    });
    expect(readEntryName(bytes('ete.js'), false).path).toBe('ete.js');
  });
});

describe('a name in a message', () => {
  it.each([
    ['a/b.js', bytes('a/b.js')],
    ['a\\b.js', bytes('a\\b.js')],
    ['été', bytes('été')],
    ['a\\u{0}\\u{a}b', bytes('a\0\nb')],
    ['\\u{202e}gpj.exe', bytes('\u202egpj.exe')],
    ['a\\xff\\xc3b', Buffer.from([0x61, 0xff, 0xc3, 0x62])],
    [`${'x'.repeat(2_048)}…`, bytes('x'.repeat(60_000))],
    [`${'é'.repeat(2_048)}…`, bytes('é'.repeat(30_000))],
  ])('reads %j', (shown, name) => {
    expect(showEntryName(name)).toBe(shown);
  });

  it('stands in the refusal and its details', () => {
    expect(archiveRefusal('symlink', 'it is a symbolic link.', bytes('a\nb'))).toMatchObject({
      code: 'invalid_bundle',
      message: 'Entry "a\\u{a}b": it is a symbolic link.',
      details: { entry: 'a\\u{a}b', rule: 'symlink' },
    });
  });

  it('is absent when no single entry is at fault', () => {
    expect(archiveRefusal('not-a-zip', 'The file is not a zip.').details).toEqual({ rule: 'not-a-zip' });
  });
});

describe('the tree of entries', () => {
  it.each([
    ['duplicate', ['a.js', 'b.js', 'a.js'], 'a.js'],
    ['duplicate', ['caf\u00e9.js', 'cafe\u0301.js'], 'cafe\u0301.js'],
    ['duplicate', ['a/', 'a/'], 'a/'],
    ['file-and-folder', ['a', 'a/'], 'a'],
    ['file-and-folder', ['a/', 'a'], 'a'],
    ['file-and-folder', ['a', 'a/b'], 'a'],
    ['file-and-folder', ['a/b', 'a'], 'a'],
    ['file-and-folder', ['x/a', 'x/a/b/c/d', 'x/a!', 'x/a.b'], 'x/a'],
    ['file-and-folder', ['caf\u00e9', 'cafe\u0301/x'], 'caf\u00e9'],
  ])('is refused by the rule %s: %j', (rule, names, entry) => {
    expect(refusalOf(() => checkOneTree(entries(...names))).details).toEqual({ rule, entry });
  });

  it('may list folders before, after, or not at all, and names that only begin alike', () => {
    checkOneTree(entries('a/b', 'a/', 'a.b', 'a!', 'ab', 'a/bc', 'a/b.c', 'A/b', 'c/d/e'));
  });
});

describe('the root folder', () => {
  it.each([
    ['', ['index.html']],
    ['', ['.DS_Store', '__MACOSX/x', 'index.html', 'dist/index.html']],
    ['dist/', ['dist/index.html', 'dist/a/index.html']],
    ['dist/', ['dist/', 'dist/.DS_Store', 'dist/index.html']],
    ['été/', ['été/index.html']],
  ])('is %j', (folder, names) => {
    expect(findRootFolder(entries(...names))).toBe(folder);
  });

  it.each([
    ['nothing', [], 'no index.html'],
    ['no index', ['app.js'], 'no index.html'],
    ['an index too deep', ['dist/www/index.html'], 'no index.html'],
    ['an index in another case', ['Index.html'], 'no index.html'],
    ['a folder named so', ['index.html/'], 'no index.html'],
    ['a folder named so in a folder', ['dist/index.html/'], 'no index.html'],
    ['a second folder', ['dist/index.html', 'other/a.js'], '"other" is next to it'],
    ['a file next to the folder', ['dist/index.html', 'readme.txt'], '"readme.txt" is next to it'],
    [
      '.DS_Store next to the folder',
      ['.DS_Store', 'dist/index.html'],
      '".DS_Store" is next to it. iOS counts',
    ],
    [
      '__MACOSX next to the folder',
      ['dist/index.html', '__MACOSX/a'],
      '"__MACOSX" is next to it. iOS counts',
    ],
    ['a hidden folder, which Android skips', ['.dist/index.html'], 'Android does not look there'],
    ['the folder __MACOSX, which Android skips', ['__MACOSX/index.html'], 'Android does not look there'],
  ])('is refused: %s', (_case, names, sentence) => {
    const refusal = refusalOf(() => findRootFolder(entries(...names)));
    expect(refusal.details).toMatchObject({ rule: 'missing-index' });
    expect(refusal.message).toContain(sentence);
  });
});

describe('the compression ratio', () => {
  const name = bytes('a.json');

  it('is free up to 10 MB', () => {
    expect(ratioExemptBytes).toBe(10_485_760);
    checkCompressionRatio(name, 1, ratioExemptBytes);
  });

  it('is at most 200:1 above', () => {
    expect(maxCompressionRatio).toBe(200);
    checkCompressionRatio(name, 60_000, 12_000_000);
    expect(refusalOf(() => checkCompressionRatio(name, 60_000, 12_000_001)).details).toEqual({
      rule: 'compression-ratio',
      entry: 'a.json',
    });
    expect(refusalOf(() => checkCompressionRatio(name, 0, ratioExemptBytes + 1)).code).toBe('invalid_bundle');
  });
});

it('has no rule twice', () => {
  expect(new Set(archiveRules).size).toBe(archiveRules.length);
});
