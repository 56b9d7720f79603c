import { AppError } from './errors.ts';

/**
 * Every rule a bundle's zip can be refused by, as `details.rule` of `invalid_bundle` says it.
 * Programs match on these ids; the sentence beside them is for people.
 */
export const archiveRules = [
  // the archive as a whole
  'not-a-zip',
  'truncated',
  'trailing-bytes',
  'multi-disk',
  'zip64',
  'central-directory',
  'too-many-entries',
  'too-much-unpacked',
  'missing-index',
  // an entry's name
  'empty-name',
  'name-not-utf8',
  'name-encoding-flag',
  'unicode-path-field',
  'backslash',
  'control-character',
  'absolute-path',
  'drive-letter',
  'escaping-path',
  'dot-segment',
  'empty-segment',
  'segment-too-long',
  'path-too-long',
  // entries among each other
  'duplicate',
  'file-and-folder',
  // what an entry says it is
  'symlink',
  'special-file',
  'folder-mismatch',
  'folder-with-content',
  'encrypted',
  'compression-method',
  'stored-with-descriptor',
  'stored-size-mismatch',
  'compression-ratio',
  // where an entry lies
  'leading-bytes',
  'gap',
  'overlap',
  'shared-local-header',
  'local-header',
  'local-header-mismatch',
  'descriptor-mismatch',
  // what an entry holds
  'corrupt-content',
  'content-end',
  'content-size',
  'content-crc',
] as const;

export type ArchiveRule = (typeof archiveRules)[number];

/** One file or folder name, in UTF-8 bytes: what ext4, f2fs and APFS accept. */
export const maxSegmentBytes = 255;

/**
 * A whole path, in UTF-8 bytes, without the slash that marks a folder: what iOS takes (Android takes 4,096).
 * The plugin's own folder comes on top, so a path close to this still fails there.
 */
export const maxPathBytes = 1024;

/** Unpacked to compressed size. Deflate reaches 1,032:1 at most, on one repeated byte. */
export const maxCompressionRatio = 200;

/** Up to this many unpacked bytes (10 MB) an entry may have any ratio: no phone is harmed by it. */
export const ratioExemptBytes = 10 * 1024 * 1024;

/** Longer than any name that is accepted, so that what is refused for its length is seen as such. */
const maxShownCharacters = 2_048;

/** An entry as far as names go. */
export interface NamedEntry {
  /** The name as it stands in the zip. */
  readonly name: Uint8Array;
  /** The name decoded, without the slash that marks a folder. */
  readonly path: string;
  readonly isFolder: boolean;
}

/**
 * The refusal of an archive, or of one entry of it: `invalid_bundle` with `details: { entry?, rule }`.
 * @param sentence what is wrong and, where it is not obvious, for whom; without the entry's name
 * @param entryName raw name of the entry at fault; left out when it is no single one
 */
export function archiveRefusal(rule: ArchiveRule, sentence: string, entryName?: Uint8Array): AppError {
  if (entryName === undefined) return new AppError('invalid_bundle', sentence, { details: { rule } });
  const entry = showEntryName(entryName);
  return new AppError('invalid_bundle', `Entry "${entry}": ${sentence}`, { details: { entry, rule } });
}

/**
 * A raw name for people: as in the zip, but with what no one can see, or what would rearrange the line,
 * written `\u{7}`; every byte above ASCII as `\xNN` when the whole is not UTF-8; cut at 2,048 characters.
 */
export function showEntryName(name: Uint8Array): string {
  const text = decodeUtf8(name);
  const characters =
    text === undefined
      ? Array.from(name, (byte) => (byte < 0x80 ? visible(String.fromCharCode(byte)) : `\\x${hex(byte)}`))
      : Array.from(text, visible);
  if (characters.length <= maxShownCharacters) return characters.join('');
  return `${characters.slice(0, maxShownCharacters).join('')}…`;
}

/**
 * Checks a raw name and decodes it (protocol.md §9: paths every plugin unpacks inside the bundle's folder).
 * @param declaredUtf8 general purpose bit 11 of the entry
 * @throws AppError invalid_bundle
 */
export function readEntryName(name: Uint8Array, declaredUtf8: boolean): NamedEntry {
  const refuse = (rule: ArchiveRule, sentence: string): AppError => archiveRefusal(rule, sentence, name);

  if (name.length === 0) throw refuse('empty-name', 'the entry has no name.');
  const isFolder = name[name.length - 1] === 0x2f;
  const pathBytes = isFolder ? name.length - 1 : name.length;
  if (pathBytes > maxPathBytes) {
    throw refuse(
      'path-too-long',
      `the path is ${pathBytes} bytes long; at most ${maxPathBytes} are allowed.`,
    );
  }

  const text = decodeUtf8(name);
  if (text === undefined) throw refuse('name-not-utf8', 'the name is not valid UTF-8.');
  if (!declaredUtf8 && name.some((byte) => byte >= 0x80)) {
    // iOS then reads code page 437, Android UTF-8.
    throw refuse(
      'name-encoding-flag',
      'the name is not plain ASCII and the zip does not mark it as UTF-8 (general purpose bit 11), ' +
        'so iOS and Android would read different names.',
    );
  }
  if (text.includes('\\')) throw refuse('backslash', 'the name contains a backslash; use "/".');
  if (/\p{Cc}/u.test(text)) {
    throw refuse('control-character', 'the name contains a control character.');
  }
  if (text.startsWith('/')) throw refuse('absolute-path', 'the path is absolute.');
  if (/^[A-Za-z]:/.test(text)) throw refuse('drive-letter', 'the path starts with a drive letter.');

  const path = isFolder ? text.slice(0, -1) : text;
  for (const segment of path.split('/')) {
    if (segment === '') throw refuse('empty-segment', 'the path contains an empty segment ("//").');
    if (segment === '..') throw refuse('escaping-path', 'the path contains a ".." segment.');
    if (segment === '.') throw refuse('dot-segment', 'the path contains a "." segment.');
    // A UTF-16 unit is at most three bytes of UTF-8: most segments need no counting.
    if (segment.length * 3 > maxSegmentBytes && utf8Length(segment) > maxSegmentBytes) {
      throw refuse('segment-too-long', `a file or folder name is over ${maxSegmentBytes} bytes long.`);
    }
  }
  return { name, path, isFolder };
}

/**
 * Checks the declared sizes of one entry against a decompression bomb.
 * @throws AppError invalid_bundle
 */
export function checkCompressionRatio(
  name: Uint8Array,
  compressedBytes: number,
  unpackedBytes: number,
): void {
  if (unpackedBytes <= ratioExemptBytes || unpackedBytes <= compressedBytes * maxCompressionRatio) return;
  throw archiveRefusal(
    'compression-ratio',
    `it unpacks from ${compressedBytes} to ${unpackedBytes} bytes; over ${ratioExemptBytes} bytes at most ` +
      `${maxCompressionRatio}:1 is allowed.`,
    name,
  );
}

/**
 * Checks that the entries make one tree on every platform: no path twice (iOS's file system takes all Unicode
 * spellings of a name for one, hence after NFC), no file that is a folder too.
 * @throws AppError invalid_bundle
 */
export function checkOneTree(entries: readonly NamedEntry[]): void {
  const byPath = new Map<string, NamedEntry>();
  for (const entry of entries) {
    const path = entry.path.normalize('NFC');
    const earlier = byPath.get(path);
    if (earlier === undefined) byPath.set(path, entry);
    else if (earlier.isFolder !== entry.isFolder) throw fileAndFolder(earlier.isFolder ? entry : earlier);
    else throw archiveRefusal('duplicate', 'the zip holds this path more than once.', entry.name);
  }
  // Searching what lies under each file, not the ancestors of each entry: of those, 20,000 hostile entries
  // have 10 million.
  const sorted = [...byPath.keys()].sort();
  for (const [path, entry] of byPath) {
    const below = `${path}/`;
    if (!entry.isFolder && sorted[firstAtLeast(sorted, below)]?.startsWith(below)) throw fileAndFolder(entry);
  }
}

function fileAndFolder(file: NamedEntry): AppError {
  return archiveRefusal('file-and-folder', 'the path is a file and a folder at once.', file.name);
}

/** Index of the first text that is not before `text`; the length when all are. */
function firstAtLeast(sorted: readonly string[], text: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? '') < text) low = middle + 1;
    else high = middle;
  }
  return low;
}

/**
 * The folder that becomes the bundle, with its trailing slash; '' when index.html is at the root.
 * The single root folder must be single to all readers (protocol.md §9): Android does not count dot-files and
 * `__MACOSX`, iOS counts everything.
 * @throws AppError invalid_bundle
 */
export function findRootFolder(entries: readonly NamedEntry[]): string {
  const indexes = entries.filter((entry) => !entry.isFolder && /^([^/]+\/)?index\.html$/.test(entry.path));
  if (indexes.some((entry) => entry.path === 'index.html')) return '';

  const [index] = indexes;
  if (index === undefined) {
    throw archiveRefusal(
      'missing-index',
      'The zip has no index.html at its root, nor directly in a single root folder.',
    );
  }
  const folder = index.path.slice(0, -'/index.html'.length);
  const neighbour = entries.find((entry) => topName(entry) !== folder);
  if (neighbour !== undefined) {
    const name = showEntryName(new TextEncoder().encode(topName(neighbour)));
    const shownFolder = showEntryName(new TextEncoder().encode(folder));
    throw archiveRefusal(
      'missing-index',
      `index.html is in the folder "${shownFolder}/", but that is not the only thing at the root of the zip: ` +
        `"${name}" is next to it. iOS counts everything there, hidden files and __MACOSX too. Zip what is in the ` +
        'folder, or the folder alone.',
    );
  }
  if (folder.startsWith('.') || folder === '__MACOSX') {
    throw archiveRefusal(
      'missing-index',
      'the single root folder may be neither hidden nor "__MACOSX": Android does not look there.',
      index.name,
    );
  }
  return `${folder}/`;
}

function topName(entry: NamedEntry): string {
  const slash = entry.path.indexOf('/');
  return slash === -1 ? entry.path : entry.path.slice(0, slash);
}

/** A byte order mark is a character like any other in a name. */
const utf8Decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** undefined when the bytes are not UTF-8. */
function decodeUtf8(bytes: Uint8Array): string | undefined {
  try {
    return utf8Decoder.decode(bytes);
  } catch {
    return undefined;
  }
}

function utf8Length(text: string): number {
  return new TextEncoder().encode(text).length;
}

function visible(character: string): string {
  const point = character.codePointAt(0) ?? 0;
  return /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(character) ? `\\u{${point.toString(16)}}` : character;
}

function hex(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
