import { mkdir, mkdtemp, readdir, readFile, readlink, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { crc32, deflateRawSync } from 'node:zlib';
import AdmZip from 'adm-zip';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ZipFile } from 'yazl';
import { type ArchiveRule, archiveRules } from '../domain/archive-rules.ts';
import { AppError } from '../domain/errors.ts';
import type { ArchiveSummary } from '../ports/bundle-archive.ts';
import { buildRawZip, buildZip, type ZipEntrySpec } from '../testing/zip-builder.ts';
import { createZipBundleArchive } from './zip.ts';

const archive = createZipBundleArchive();
const limits = { maxEntries: 1000, maxUnpackedBytes: 64 * 1024 * 1024 };
const index: ZipEntrySpec = { name: 'index.html', data: '<html></html>' };
const text = 'body { margin: 0 }\n'.repeat(20);

/** Neither repeats nor looks like a header: what deflate can do nothing with, the same in each run. */
function noise(length: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = 1;
  for (let at = 0; at < length; at += 1) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

function extraField(id: number, data: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(id, 0);
  head.writeUInt16LE(data.length, 2);
  return Buffer.concat([head, data]);
}

let folder: string;
let fileNumber = 0;

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'zip-bundle-archive-'));
});

afterAll(async () => {
  await rm(folder, { recursive: true });
});

async function saved(zip: Buffer): Promise<string> {
  fileNumber += 1;
  const filePath = path.join(folder, `${fileNumber}.zip`);
  await writeFile(filePath, zip);
  return filePath;
}

async function inspect(zip: Buffer, within = limits): Promise<ArchiveSummary> {
  return archive.inspect(await saved(zip), within);
}

async function refusalOf(zip: Buffer, within = limits): Promise<AppError> {
  const error: unknown = await inspect(zip, within).then(
    () => new Error('nothing was refused'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof AppError)) throw error;
  expect(error.code).toBe('invalid_bundle');
  return error;
}

const withEntry = (entry: ZipEntrySpec): Buffer => buildRawZip({ entries: [index, entry] });
const big = noise(700_000);
const bigText = Buffer.alloc(700_000, text);

/** rule, what the zip does, the zip, the entry the refusal names (none: the archive as a whole) */
const hostile: [ArchiveRule, string, Buffer, string?][] = [
  ['not-a-zip', 'an empty file', Buffer.alloc(0)],
  ['not-a-zip', 'a few bytes', Buffer.from('PK')],
  ['not-a-zip', 'another kind of file', noise(300_000)],
  ['truncated', 'a zip cut short', buildZip({ 'index.html': text, 'a.bin': big }).subarray(0, 400_000)],
  [
    'trailing-bytes',
    'a byte after its end',
    Buffer.concat([buildZip({ 'index.html': '' }), Buffer.from('x')]),
  ],
  [
    'trailing-bytes',
    'a line end after its end',
    Buffer.concat([buildZip({ 'index.html': '' }), Buffer.from('\n')]),
  ],
  [
    'trailing-bytes',
    'a comment longer than announced',
    buildRawZip({ entries: [index], end: { comment: Buffer.from('abc'), commentBytes: 2 } }),
  ],
  [
    'trailing-bytes',
    'a comment shorter than announced',
    buildRawZip({ entries: [index], end: { comment: Buffer.from('abc'), commentBytes: 4 } }),
  ],
  [
    'trailing-bytes',
    'an end record in its comment',
    buildRawZip({ entries: [index], end: { comment: Buffer.concat([buildZip({}), Buffer.from('x')]) } }),
  ],
  ['multi-disk', 'its end on disk 1', buildRawZip({ entries: [index], end: { thisDisk: 1 } })],
  ['multi-disk', 'its directory on disk 1', buildRawZip({ entries: [index], end: { directoryDisk: 1 } })],
  [
    'multi-disk',
    'fewer entries on this disk',
    buildRawZip({ entries: [index, { name: 'a' }], end: { entriesOnDisk: 1 } }),
  ],
  ['multi-disk', 'an entry on disk 1', withEntry({ name: 'a', central: { diskStart: 1 } }), 'a'],
  [
    'zip64',
    'a masked entry count',
    buildRawZip({ entries: [index], end: { entryCount: 0xffff, entriesOnDisk: 0xffff } }),
  ],
  ['zip64', 'a masked disk', buildRawZip({ entries: [index], end: { thisDisk: 0xffff } })],
  [
    'zip64',
    'a masked directory size',
    buildRawZip({ entries: [index], end: { directoryBytes: 0xffffffff } }),
  ],
  [
    'zip64',
    'a masked directory offset',
    buildRawZip({ entries: [index], end: { directoryOffset: 0xffffffff } }),
  ],
  [
    'zip64',
    'a zip64 locator',
    buildRawZip({
      entries: [index],
      beforeEnd: Buffer.concat([Buffer.from('PK\x06\x07'), Buffer.alloc(16)]),
    }),
  ],
  [
    'zip64',
    'a masked compressed size',
    withEntry({ name: 'a', central: { compressedBytes: 0xffffffff } }),
    'a',
  ],
  ['zip64', 'a masked unpacked size', withEntry({ name: 'a', central: { unpackedBytes: 0xffffffff } }), 'a'],
  ['zip64', 'a masked offset', withEntry({ name: 'a', central: { localHeaderOffset: 0xffffffff } }), 'a'],
  ['zip64', 'a masked disk of an entry', withEntry({ name: 'a', central: { diskStart: 0xffff } }), 'a'],
  [
    'zip64',
    'a zip64 field in the central header',
    withEntry({ name: 'a', central: { extra: extraField(1, Buffer.alloc(16)) } }),
    'a',
  ],
  [
    'zip64',
    'a zip64 field in the local header',
    withEntry({ name: 'a', local: { extra: extraField(1, Buffer.alloc(16)) } }),
    'a',
  ],
  ['zip64', 'a need for version 4.5', withEntry({ name: 'a', both: { versionNeeded: 45 } }), 'a'],
  [
    'central-directory',
    'an entry more than counted',
    buildRawZip({ entries: [index, { name: 'a' }], end: { entryCount: 1, entriesOnDisk: 1 } }),
  ],
  [
    'central-directory',
    'an entry less than counted',
    buildRawZip({ entries: [index], end: { entryCount: 2, entriesOnDisk: 2 } }),
  ],
  [
    'central-directory',
    'a wrong directory size',
    buildRawZip({ entries: [index], end: { directoryBytes: 60 } }),
  ],
  [
    'central-directory',
    'a wrong directory offset',
    buildRawZip({ entries: [index], end: { directoryOffset: 3 } }),
  ],
  [
    'central-directory',
    'bytes between directory and end record',
    buildRawZip({ entries: [index], beforeEnd: Buffer.from('x') }),
  ],
  [
    'central-directory',
    'a directory that announces those bytes too',
    buildRawZip({ entries: [index], beforeEnd: noise(50), end: { directoryBytes: 56 + 50 } }),
  ],
  [
    'central-directory',
    'bytes before it that no offset knows of',
    Buffer.concat([Buffer.from('#!/bin/sh\n'), buildZip({ 'index.html': '' })]),
  ],
  [
    'central-directory',
    'a last header that leaves the directory',
    withEntry({ name: 'a', central: { commentBytes: 10 } }),
  ],
  [
    'central-directory',
    'a broken extra field',
    withEntry({ name: 'a', central: { extra: Buffer.from([0x55, 0x54, 9, 0]) } }),
  ],
  ['missing-index', 'no entry at all', buildZip({})],
  ['missing-index', 'no index.html', buildZip({ 'app.js': text })],
  [
    'missing-index',
    'Finder files next to its only folder',
    buildZip({ 'dist/index.html': text, '.DS_Store': 'x' }),
  ],
  ['empty-name', 'an entry without name', withEntry({ name: '' }), ''],
  [
    'name-not-utf8',
    'a name in Latin-1',
    withEntry({ name: Buffer.from([0xe9, 0x2e, 0x6a, 0x73]), flags: 1 << 11 }),
    '\\xe9.js',
  ],
  ['name-encoding-flag', 'UTF-8 that is not marked', withEntry({ name: 'é.js', markUtf8: false }), 'é.js'],
  [
    'unicode-path-field',
    'another name in the central header',
    withEntry({
      name: 'a.js',
      central: { extra: extraField(0x7075, Buffer.concat([Buffer.alloc(5), Buffer.from('../b.js')])) },
    }),
    'a.js',
  ],
  [
    'unicode-path-field',
    'another name in the local header',
    withEntry({
      name: 'a.js',
      local: { extra: extraField(0x7075, Buffer.concat([Buffer.alloc(5), Buffer.from('../b.js')])) },
    }),
    'a.js',
  ],
  ['backslash', 'Windows paths', withEntry({ name: 'css\\app.css', data: text }), 'css\\app.css'],
  ['control-character', 'a NUL in a name', withEntry({ name: 'a.js\0.png' }), 'a.js\\u{0}.png'],
  ['absolute-path', 'an absolute path', withEntry({ name: '/etc/passwd' }), '/etc/passwd'],
  ['drive-letter', 'a drive letter', withEntry({ name: 'C:/a.js' }), 'C:/a.js'],
  ['escaping-path', 'a way out', withEntry({ name: '../../a.js' }), '../../a.js'],
  ['escaping-path', 'a folder outside', withEntry({ name: 'a/../../' }), 'a/../../'],
  ['dot-segment', 'a path from "."', withEntry({ name: './a.js' }), './a.js'],
  ['empty-segment', 'a double slash', withEntry({ name: 'a//b.js' }), 'a//b.js'],
  ['segment-too-long', 'a name of 256 bytes', withEntry({ name: 'x'.repeat(256) }), 'x'.repeat(256)],
  [
    'path-too-long',
    'a path of 1,025 bytes',
    withEntry({ name: `${'a/'.repeat(512)}b` }),
    `${'a/'.repeat(512)}b`,
  ],
  ['duplicate', 'a path twice', buildRawZip({ entries: [index, index] }), 'index.html'],
  [
    'duplicate',
    'a path in two Unicode spellings',
    buildRawZip({ entries: [index, { name: '\u00e9' }, { name: 'e\u0301' }] }),
    'e\u0301',
  ],
  [
    'file-and-folder',
    'a file with a file under it',
    buildRawZip({ entries: [index, { name: 'a' }, { name: 'a/b' }] }),
    'a',
  ],
  [
    'file-and-folder',
    'a folder named like a file',
    buildRawZip({ entries: [index, { name: 'a' }, { name: 'a/' }] }),
    'a',
  ],
  ['symlink', 'a symbolic link', withEntry({ name: 'a', data: '/etc/passwd', mode: 0o120777 }), 'a'],
  [
    'symlink',
    'a symbolic link made on DOS',
    withEntry({ name: 'a', data: 'b', mode: 0o120777, central: { hostSystem: 0 } }),
    'a',
  ],
  ['special-file', 'a pipe', withEntry({ name: 'a', mode: 0o010644 }), 'a'],
  ['special-file', 'a character device', withEntry({ name: 'a', mode: 0o020644 }), 'a'],
  ['special-file', 'a block device', withEntry({ name: 'a', mode: 0o060644 }), 'a'],
  ['special-file', 'a socket', withEntry({ name: 'a', mode: 0o140644 }), 'a'],
  ['folder-mismatch', 'a folder by mode, a file by name', withEntry({ name: 'a', mode: 0o040755 }), 'a'],
  [
    'folder-mismatch',
    'a folder by DOS attribute, a file by name',
    withEntry({ name: 'a', central: { hostSystem: 0, externalAttributes: 0x10 } }),
    'a',
  ],
  ['folder-mismatch', 'a file by mode, a folder by name', withEntry({ name: 'a/', mode: 0o100644 }), 'a/'],
  ['folder-with-content', 'a folder with content', withEntry({ name: 'a/', data: 'x' }), 'a/'],
  ['encrypted', 'an encrypted entry', withEntry({ name: 'a', data: text, flags: 1 }), 'a'],
  ['encrypted', 'a strongly encrypted entry', withEntry({ name: 'a', data: text, flags: 1 << 6 }), 'a'],
  ['encrypted', 'masked local headers', withEntry({ name: 'a', data: text, flags: 1 << 13 }), 'a'],
  ['compression-method', 'deflate64', withEntry({ name: 'a', data: text, method: 9 }), 'a'],
  ['compression-method', 'zstandard', withEntry({ name: 'a', data: text, method: 93 }), 'a'],
  [
    'stored-with-descriptor',
    'a stored entry with a data descriptor',
    withEntry({ name: 'a', data: text, method: 0, descriptor: 'signed' }),
    'a',
  ],
  [
    'stored-with-descriptor',
    'a stored folder with a data descriptor',
    withEntry({ name: 'a/', descriptor: 'signed' }),
    'a/',
  ],
  [
    'stored-size-mismatch',
    'a stored entry of two sizes',
    withEntry({ name: 'a', data: text, method: 0, both: { unpackedBytes: 5 } }),
    'a',
  ],
  ['compression-ratio', 'zeros', withEntry({ name: 'a', data: Buffer.alloc(11_000_000) }), 'a'],
  [
    'leading-bytes',
    'bytes before it that all offsets know of',
    buildRawZip({ entries: [{ ...index, before: Buffer.from('#!/bin/sh\n') }] }),
  ],
  [
    'leading-bytes',
    'a first entry the directory does not list',
    buildRawZip({ entries: [{ name: 'a', data: 'x', localOnly: true }, index] }),
  ],
  [
    'gap',
    'bytes between two entries',
    buildRawZip({ entries: [index, { name: 'a', before: Buffer.from('x') }] }),
    'index.html',
  ],
  [
    'gap',
    'an entry the directory does not list',
    buildRawZip({ entries: [index, { name: 'evil.js', data: 'x', localOnly: true }, { name: 'a' }] }),
    'index.html',
  ],
  [
    'gap',
    'a last entry the directory does not list',
    buildRawZip({ entries: [index, { name: 'index.html', data: 'x', localOnly: true }] }),
    'index.html',
  ],
  [
    'gap',
    'bytes before the central directory',
    buildRawZip({ entries: [index], beforeDirectory: Buffer.from('x') }),
    'index.html',
  ],
  [
    'gap',
    'bytes behind a data descriptor',
    buildRawZip({ entries: [{ ...index, descriptor: 'signed', after: Buffer.from('x') }] }),
    'index.html',
  ],
  ['overlap', 'an entry within the data of another', overlapping(), 'a'],
  [
    'overlap',
    'data that reaches into the central directory',
    buildRawZip({
      entries: [{ ...index, method: 0, both: { compressedBytes: 40, unpackedBytes: 40 } }],
    }),
    'index.html',
  ],
  [
    'overlap',
    'a data descriptor that is not there',
    buildRawZip({ entries: [{ ...index, flags: 1 << 3 }] }),
    'index.html',
  ],
  [
    'shared-local-header',
    'two entries of one local header',
    buildRawZip({
      entries: [
        index,
        { name: 'a', data: text },
        {
          name: 'b',
          data: text,
          centralOnly: true,
          central: { localHeaderOffset: 30 + 10 + deflateRawSync(index.data ?? '').length },
        },
      ],
    }),
    'a',
  ],
  [
    'local-header',
    'an entry where there is no local header',
    buildRawZip({ entries: [index, { name: 'a', centralOnly: true, after: noise(60) }] }),
    'a',
  ],
  [
    'local-header',
    'no local header at its start',
    buildRawZip({ entries: [{ ...index, centralOnly: true, after: noise(60) }] }),
    'index.html',
  ],
  [
    'local-header',
    'data that leaves the file',
    withEntry({ name: 'a', data: text, both: { compressedBytes: 50_000_000 } }),
    'a',
  ],
  [
    'local-header',
    'a broken extra field in the local header',
    withEntry({ name: 'a', local: { extra: Buffer.from([0x55, 0x54, 9, 0]) } }),
    'a',
  ],
  [
    'local-header-mismatch',
    'another local name',
    withEntry({ name: 'a.js', local: { name: 'b.js' } }),
    'a.js',
  ],
  [
    'local-header-mismatch',
    'another local method',
    withEntry({ name: 'a', data: text, local: { method: 0 } }),
    'a',
  ],
  [
    'local-header-mismatch',
    'a descriptor only in the local flags',
    withEntry({ name: 'a', data: text, local: { flags: 1 << 3 } }),
    'a',
  ],
  [
    'local-header-mismatch',
    'UTF-8 only in the local flags',
    withEntry({ name: 'a', data: text, local: { flags: 1 << 11 } }),
    'a',
  ],
  [
    'local-header-mismatch',
    'strong encryption only in the local flags',
    withEntry({ name: 'a', data: text, local: { flags: 1 << 6 } }),
    'a',
  ],
  [
    'local-header-mismatch',
    'masking only in the local flags',
    withEntry({ name: 'a', data: text, local: { flags: 1 << 13 } }),
    'a',
  ],
  [
    'local-header-mismatch',
    'encryption only in the local flags',
    withEntry({ name: 'a', data: text, local: { flags: 1 } }),
    'a',
  ],
  [
    'local-header-mismatch',
    'another local CRC-32',
    withEntry({ name: 'a', data: text, local: { crc32: 1 } }),
    'a',
  ],
  [
    'local-header-mismatch',
    'another local compressed size',
    withEntry({ name: 'a', data: text, local: { compressedBytes: 1 } }),
    'a',
  ],
  [
    'local-header-mismatch',
    'another local unpacked size',
    withEntry({ name: 'a', data: text, local: { unpackedBytes: 1 } }),
    'a',
  ],
  [
    'local-header-mismatch',
    'local sizes of 0 without a descriptor',
    withEntry({ name: 'a', data: text, local: { unpackedBytes: 0, compressedBytes: 0, crc32: 0 } }),
    'a',
  ],
  [
    'local-header-mismatch',
    'another local size with a descriptor',
    withEntry({ name: 'a', data: text, descriptor: 'signed', local: { unpackedBytes: 1 } }),
    'a',
  ],
  [
    'local-header-mismatch',
    'another local CRC-32 with a descriptor',
    withEntry({ name: 'a', data: text, descriptor: 'signed', local: { crc32: 1 } }),
    'a',
  ],
  [
    'local-header-mismatch',
    'another local compressed size with a descriptor',
    withEntry({ name: 'a', data: text, descriptor: 'signed', local: { compressedBytes: 1 } }),
    'a',
  ],
  [
    'descriptor-mismatch',
    'another CRC-32 in the descriptor',
    withEntry({ name: 'a', data: text, descriptor: 'signed', descriptorValues: { crc32: 1 } }),
    'a',
  ],
  [
    'descriptor-mismatch',
    'another compressed size in the descriptor',
    withEntry({ name: 'a', data: text, descriptor: 'unsigned', descriptorValues: { compressedBytes: 1 } }),
    'a',
  ],
  [
    'descriptor-mismatch',
    'another unpacked size in the descriptor',
    withEntry({ name: 'a', data: text, descriptor: 'unsigned', descriptorValues: { unpackedBytes: 1 } }),
    'a',
  ],
  [
    'corrupt-content',
    'no deflate stream',
    withEntry({ name: 'a', rawData: Buffer.alloc(50, 0xff), both: { unpackedBytes: 9 } }),
    'a',
  ],
  [
    'corrupt-content',
    'an empty deflate stream, which Android cannot skip',
    withEntry({ name: 'a', rawData: Buffer.alloc(0) }),
    'a',
  ],
  [
    'corrupt-content',
    'a deflate stream cut short',
    withEntry({ name: 'a', data: text, rawData: deflateRawSync(text).subarray(0, -1) }),
    'a',
  ],
  [
    'corrupt-content',
    'a large deflate stream cut short',
    withEntry({ name: 'a', data: big, rawData: deflateRawSync(big).subarray(0, -1) }),
    'a',
  ],
  [
    'corrupt-content',
    'a large broken deflate stream',
    withEntry({ name: 'a', data: bigText, rawData: Buffer.alloc(200_000, 0xff) }),
    'a',
  ],
  [
    'content-end',
    'bytes behind a deflate stream',
    withEntry({ name: 'a', data: text, rawData: Buffer.concat([deflateRawSync(text), Buffer.from('x')]) }),
    'a',
  ],
  [
    'content-end',
    'a byte behind a large deflate stream',
    withEntry({ name: 'a', data: big, rawData: Buffer.concat([deflateRawSync(big), Buffer.from('x')]) }),
    'a',
  ],
  [
    'content-end',
    'another entry behind a large deflate stream',
    withEntry({ name: 'a', data: big, rawData: Buffer.concat([deflateRawSync(big), noise(300_000)]) }),
    'a',
  ],
  [
    'content-end',
    'bytes behind a deflate stream that ends with a piece',
    withEntry({
      name: 'a',
      data: bigText,
      rawData: Buffer.concat([deflateToLength(bigText, 64 * 1024), noise(70_000)]),
    }),
    'a',
  ],
  [
    'content-size',
    'more than declared',
    withEntry({ name: 'a', data: text, both: { unpackedBytes: 5 } }),
    'a',
  ],
  [
    'content-size',
    'less than declared',
    withEntry({ name: 'a', data: text, both: { unpackedBytes: 5000 } }),
    'a',
  ],
  [
    'content-size',
    'something where nothing is declared',
    withEntry({ name: 'a', data: text, both: { unpackedBytes: 0 } }),
    'a',
  ],
  [
    'content-size',
    'much more than declared',
    withEntry({ name: 'a', data: Buffer.alloc(30_000_000), both: { unpackedBytes: 300_000 } }),
    'a',
  ],
  [
    'content-size',
    'less than declared, large',
    withEntry({ name: 'a', data: big, both: { unpackedBytes: 700_001 } }),
    'a',
  ],
  ['content-crc', 'another CRC-32', withEntry({ name: 'a', data: text, both: { crc32: 1 } }), 'a'],
  [
    'content-crc',
    'another CRC-32 of a stored entry',
    withEntry({ name: 'a', data: big, method: 0, both: { crc32: 1 } }),
    'a',
  ],
  [
    'content-crc',
    'another CRC-32 of a large entry',
    withEntry({ name: 'a', data: big, both: { crc32: 1 } }),
    'a',
  ],
];

/** A complete entry "b" inside the stored data of "a": the stream shows one, the directory two. */
function overlapping(): Buffer {
  const inner = buildRawZip({ entries: [{ name: 'b', data: 'x' }] }).subarray(
    0,
    31 + deflateRawSync('x').length,
  );
  const start = 30 + 10 + deflateRawSync(index.data ?? '').length;
  return buildRawZip({
    entries: [
      index,
      { name: 'a', data: inner, method: 0 },
      { name: 'b', data: 'x', centralOnly: true, central: { localHeaderOffset: start + 31 } },
    ],
  });
}

/**
 * A deflate stream of exactly so many bytes: empty stored blocks, of 5 bytes each, put before the real one.
 */
function deflateToLength(data: Buffer, length: number): Buffer {
  // Stored blocks start on a byte border, so a run of them is followed by the stream as it is. What 5 does
  // not divide is taken by empty fixed blocks: 10 bits, then aligned by a stored block.
  const deflated = deflateRawSync(data);
  const missing = length - deflated.length;
  const emptyStored = Buffer.from([0, 0, 0, 0xff, 0xff]);
  // 0x02 0x00 + stored: an empty fixed block (bits 0 10 0000000) and, in the bits left, a stored header.
  const emptyFixed = Buffer.from([0x02, 0x00, 0x00, 0x00, 0xff, 0xff]);
  const fixedCount = missing % 5;
  const storedCount = (missing - fixedCount * 6) / 5;
  return Buffer.concat([
    ...Array.from({ length: fixedCount }, () => emptyFixed),
    ...Array.from({ length: storedCount }, () => emptyStored),
    deflated,
  ]);
}

describe('a hostile zip', () => {
  it.each(hostile)('is refused by the rule %s: %s', async (rule, _case, zip, entry) => {
    const refusal = await refusalOf(zip);
    expect(refusal.details).toEqual(entry === undefined ? { rule } : { rule, entry });
    expect(refusal.message).toMatch(
      entry === undefined ? /^(The |index\.html is in the folder )/ : /^Entry ".*": .*\.$/,
    );
    if (entry !== undefined) expect(refusal.message).toContain(`"${entry}"`);
  });

  it('is there for every rule', () => {
    const limitRules = ['too-many-entries', 'too-much-unpacked'];
    expect(new Set([...hostile.map(([rule]) => rule), ...limitRules])).toEqual(new Set(archiveRules));
  });
});

describe('the limits', () => {
  const three = buildZip({ 'index.html': 'abc', 'a.js': 'defg', 'b/': '' });

  it('allow exactly so many entries, folders counted', async () => {
    await expect(inspect(three, { ...limits, maxEntries: 3 })).resolves.toMatchObject({ fileCount: 2 });
    const refusal = await refusalOf(three, { ...limits, maxEntries: 2 });
    expect(refusal.details).toEqual({ rule: 'too-many-entries' });
  });

  it('refuse by the count of the end record, before a directory of that size is read', async () => {
    const zip = buildRawZip({ entries: [index], end: { entryCount: 60_000, entriesOnDisk: 60_000 } });
    expect((await refusalOf(zip)).details).toEqual({ rule: 'too-many-entries' });
  });

  it('allow exactly so many bytes unpacked', async () => {
    await expect(inspect(three, { ...limits, maxUnpackedBytes: 7 })).resolves.toMatchObject({
      unpackedBytes: 7,
    });
    const refusal = await refusalOf(three, { ...limits, maxUnpackedBytes: 6 });
    expect(refusal.details).toEqual({ rule: 'too-much-unpacked' });
  });

  it('refuse declared sizes before anything is unpacked', async () => {
    const zip = buildRawZip({
      entries: [{ ...index, rawData: noise(20), both: { unpackedBytes: 9_000_000 } }],
    });
    const refusal = await refusalOf(zip, { ...limits, maxUnpackedBytes: 8_000_000 });
    expect(refusal.details).toEqual({ rule: 'too-much-unpacked' });
  });
});

describe('a sound zip', () => {
  it('is summed up: files, bytes, root folder', async () => {
    const zip = buildZip({ 'index.html': 'abc', 'css/': '', 'css/app.css': text, 'empty.txt': '' });
    await expect(inspect(zip)).resolves.toEqual({
      fileCount: 3,
      unpackedBytes: 3 + text.length,
      rootFolder: '',
    });
  });

  it('may have all in one folder', async () => {
    const zip = buildZip({ 'dist/index.html': 'abc', 'dist/js/app.js': text });
    await expect(inspect(zip)).resolves.toMatchObject({ fileCount: 2, rootFolder: 'dist/' });
  });

  it.each<[string, Buffer]>([
    [
      'stored entries',
      buildRawZip({
        entries: [
          { ...index, method: 0 },
          { name: 'a', data: big, method: 0 },
        ],
      }),
    ],
    [
      'data descriptors, with and without signature',
      buildRawZip({
        entries: [
          { ...index, descriptor: 'signed' },
          { name: 'a', data: big, descriptor: 'unsigned' },
        ],
      }),
    ],
    [
      'sizes in the local header besides a data descriptor',
      withEntry({
        name: 'a',
        data: text,
        descriptor: 'signed',
        local: {
          crc32: crc32(text),
          compressedBytes: deflateRawSync(text).length,
          unpackedBytes: text.length,
        },
      }),
    ],
    ['a deflated folder', withEntry({ name: 'a/', method: 8 })],
    [
      'a central directory in another order',
      buildRawZip({ entries: [index, { name: 'a' }, { name: 'b' }], reverseDirectory: true }),
    ],
    ['a comment', buildRawZip({ entries: [index], end: { comment: Buffer.from('made by hand') } })],
    ['the longest comment', buildRawZip({ entries: [index], end: { comment: Buffer.alloc(65_535, 0x20) } })],
    [
      'an entry comment and extra fields larger than the buffer',
      withEntry({
        name: 'a',
        local: { extra: extraField(0x5555, noise(60_000)) },
        central: { extra: extraField(0x5555, noise(65_000)), comment: noise(65_000) },
      }),
    ],
    [
      'a second name that is the same',
      withEntry({
        name: 'é',
        both: { extra: extraField(0x7075, Buffer.concat([Buffer.alloc(5), Buffer.from('é')])) },
      }),
    ],
    [
      'DOS attributes',
      buildRawZip({
        entries: [
          { ...index, central: { hostSystem: 0, externalAttributes: 0x20 } },
          { name: 'a/', central: { hostSystem: 0, externalAttributes: 0x10 } },
        ],
      }),
    ],
    [
      'no attributes',
      buildRawZip({
        entries: [
          { ...index, central: { externalAttributes: 0 } },
          { name: 'a/', central: { externalAttributes: 0 } },
        ],
      }),
    ],
    ['other speed flags in the local header', withEntry({ name: 'a', data: text, local: { flags: 0b110 } })],
    ['10 MB of zeros', withEntry({ name: 'a', data: Buffer.alloc(10 * 1024 * 1024) })],
    [
      'a deflate stream that ends with a piece',
      withEntry({ name: 'a', data: bigText, rawData: deflateToLength(bigText, 64 * 1024) }),
    ],
    [
      'a name of 255 and a path of 1,024 bytes',
      buildRawZip({ entries: [index, { name: 'x'.repeat(255) }, { name: `${'a/'.repeat(511)}bc` }] }),
    ],
  ])('may have %s', async (_case, zip) => {
    await expect(inspect(zip)).resolves.toMatchObject({ rootFolder: '' });
  });

  it('is read the same when entries cross every border of the buffer', async () => {
    const files: Record<string, Buffer> = { 'index.html': Buffer.from(text) };
    for (let size = 0; size < 150; size += 1) files[`f${size}.bin`] = big.subarray(0, size * 131);
    files['large.bin'] = big;
    const zip = buildZip(files);
    const total = Object.values(files).reduce((sum, data) => sum + data.length, 0);
    await expect(inspect(zip)).resolves.toMatchObject({ fileCount: 152, unpackedBytes: total });
  });

  it('is left as it was', async () => {
    const zip = buildZip({ 'index.html': text });
    const filePath = await saved(zip);
    await archive.inspect(filePath, limits);
    expect(await readFile(filePath)).toEqual(zip);
  });
});

describe('a zip of a common tool', () => {
  it('is accepted: adm-zip, with which @capgo/cli zips', async () => {
    const site = path.join(folder, 'site');
    await mkdir(path.join(site, 'assets/ü'), { recursive: true });
    await mkdir(path.join(site, 'empty'));
    await writeFile(path.join(site, 'index.html'), text);
    await writeFile(path.join(site, 'assets/ü/日本.bin'), big);
    await writeFile(path.join(site, 'assets/empty.txt'), '');
    const zip = new AdmZip();
    zip.addLocalFolder(site);
    await expect(inspect(zip.toBuffer())).resolves.toEqual({
      fileCount: 3,
      unpackedBytes: text.length + big.length,
      rootFolder: '',
    });
  });

  it('is accepted: yazl, from buffers and from streams of unknown size', async () => {
    const filePath = await zippedWithYazl((zip) => {
      zip.addBuffer(Buffer.from('abc'), 'index.html');
      zip.addReadStream(Readable.from([Buffer.alloc(300_000, 'def')]), 'é/large.txt');
      zip.addEmptyDirectory('empty');
    });
    await expect(archive.inspect(filePath, limits)).resolves.toEqual({
      fileCount: 2,
      unpackedBytes: 300_003,
      rootFolder: '',
    });
  });

  it('is refused when yazl stores a stream: Android cannot read it', async () => {
    const filePath = await zippedWithYazl((zip) =>
      zip.addReadStream(Readable.from(['abc']), 'index.html', { compress: false }),
    );
    await expect(archive.inspect(filePath, limits)).rejects.toMatchObject({
      details: { rule: 'stored-with-descriptor', entry: 'index.html' },
    });
  });
});

async function zippedWithYazl(fill: (zip: ZipFile) => void): Promise<string> {
  const zip = new ZipFile();
  fill(zip);
  zip.end();
  return saved(await buffer(zip.outputStream));
}

describe('the file system', () => {
  it('is heard when it fails', async () => {
    const missing = path.join(folder, 'missing.zip');
    await expect(archive.inspect(missing, limits)).rejects.toMatchObject({ code: 'ENOENT' });
    await expect(archive.inspect(folder, limits)).rejects.toMatchObject({ code: 'EISDIR' });
  });

  it.skipIf(process.platform !== 'linux')('gets its file back, also on refusal (seen in /proc)', async () => {
    const paths = await Promise.all(hostile.map(([, , zip]) => saved(zip)));
    paths.push(await saved(buildZip({ 'index.html': text })));
    await Promise.allSettled(paths.map((filePath) => archive.inspect(filePath, limits)));
    const links = await Promise.all(
      (await readdir('/proc/self/fd')).map((fd) => readlink(`/proc/self/fd/${fd}`).catch(() => '')),
    );
    expect(links.filter((link) => link.startsWith(folder))).toEqual([]);
  });
});

describe('any zip', () => {
  const segment = fc.stringMatching(/^[a-z0-9_~ é日🎉-]{1,12}$/u);
  const file = fc.record({
    path: fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/')),
    data: fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
    method: fc.constantFrom(0, 8),
    descriptor: fc.constantFrom(undefined, 'signed' as const, 'unsigned' as const),
  });

  /** Files in folders named by depth and so never in each other's way. */
  const tree = fc
    .uniqueArray(file, { maxLength: 12, selector: ({ path: at }) => at.normalize('NFC') })
    .map((files) =>
      files.map(({ path: at, data, method, descriptor }): ZipEntrySpec => {
        const name = at.split('/').length === 1 ? `f-${at}` : `${at.split('/').length}/${at}.x`;
        return {
          name: name.replaceAll('/', '.d/'),
          data,
          method,
          ...(descriptor && method === 8 ? { descriptor } : {}),
        };
      }),
    );

  it('made of a tree of files is accepted, with its files and bytes counted', async () => {
    await fc.assert(
      fc.asyncProperty(tree, fc.constantFrom('', 'dist/'), async (entries, rootFolder) => {
        const all = [index, ...entries].map((entry) => ({ ...entry, name: `${rootFolder}${entry.name}` }));
        await expect(inspect(buildRawZip({ entries: all }))).resolves.toEqual({
          fileCount: all.length,
          unpackedBytes: all.reduce((sum, entry) => sum + Buffer.from(entry.data ?? '').length, 0),
          rootFolder,
        });
      }),
      { numRuns: 100 },
    );
  });

  it('with any one byte changed is accepted or refused, never a crash', async () => {
    const sound = buildRawZip({
      entries: [
        index,
        { name: 'a/' },
        { name: 'a/é.css', data: text, descriptor: 'signed' },
        { name: 'a/b.bin', data: noise(50), method: 0 },
        { name: 'a/c.js', data: text, descriptor: 'unsigned' },
      ],
      end: { comment: Buffer.from('comment') },
    });
    await inspect(sound);
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: sound.length - 1 }),
        fc.integer({ min: 1, max: 255 }),
        async (at, flip) => {
          const zip = Buffer.from(sound);
          zip.writeUInt8(zip.readUInt8(at) ^ flip, at);
          await inspect(zip).catch((error: unknown) => {
            expect(error).toBeInstanceOf(AppError);
            expect(error).toMatchObject({ code: 'invalid_bundle' });
          });
        },
      ),
      { numRuns: 1500 },
    );
  });
});
