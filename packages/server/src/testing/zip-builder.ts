import { crc32, deflateRawSync } from 'node:zlib';

/** The fields a local header and a central one have in common. Sizes in bytes. */
interface ZipHeaderFields {
  name: string | Buffer;
  versionNeeded: number;
  flags: number;
  method: number;
  crc32: number;
  compressedBytes: number;
  unpackedBytes: number;
  extra: Buffer;
}

interface ZipCentralFields extends ZipHeaderFields {
  hostSystem: number;
  diskStart: number;
  externalAttributes: number;
  localHeaderOffset: number;
  comment: Buffer;
  commentBytes: number;
}

/** An entry; everything left out is as an honest writer would have it. */
export interface ZipEntrySpec {
  name: string | Buffer;
  /** What the entry holds, unpacked. */
  data?: string | Buffer;
  /** What stands in the file instead of the deflated or stored data. */
  rawData?: Buffer;
  /** Deflate (8) unless said otherwise; folders are stored (0). */
  method?: number;
  /** Added to those that method, name and descriptor ask for. */
  flags?: number;
  /** Mark a name that is not ASCII as UTF-8 (bit 11); true unless said otherwise. */
  markUtf8?: boolean;
  /** Unix mode with type; what the external attributes are made of. */
  mode?: number;
  /** Sizes and CRC-32 come behind the data, the local header says 0. */
  descriptor?: 'signed' | 'unsigned';
  descriptorValues?: Partial<Pick<ZipHeaderFields, 'crc32' | 'compressedBytes' | 'unpackedBytes'>>;
  /** Fields both headers lie about. */
  both?: Partial<ZipHeaderFields>;
  /** Fields one header lies about. */
  local?: Partial<ZipHeaderFields>;
  central?: Partial<ZipCentralFields>;
  /** Bytes in front of the local header, and behind data and descriptor, that no header announces. */
  before?: Buffer;
  after?: Buffer;
  /** Only in the central directory: no local header, no data. */
  centralOnly?: boolean;
  /** Only in the file: the central directory does not list it. */
  localOnly?: boolean;
}

interface ZipEndFields {
  thisDisk: number;
  directoryDisk: number;
  entriesOnDisk: number;
  entryCount: number;
  directoryBytes: number;
  directoryOffset: number;
  comment: Buffer;
  commentBytes: number;
}

interface ZipSpec {
  entries: readonly ZipEntrySpec[];
  /** Between the last entry and the central directory. */
  beforeDirectory?: Buffer;
  /** Between the central directory and the end record. */
  beforeEnd?: Buffer;
  end?: Partial<ZipEndFields>;
  /** Reverse the central directory: its order need not be that of the file. */
  reverseDirectory?: boolean;
}

/** An ordinary zip of files by path; a path that ends with a slash makes a folder. */
export function buildZip(files: Readonly<Record<string, string | Buffer>>): Buffer {
  return buildRawZip({ entries: Object.entries(files).map(([name, data]) => ({ name, data })) });
}

/** A zip byte by byte, with every lie the specification asks for. */
export function buildRawZip(spec: ZipSpec): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let position = 0;
  const append = (bytes: Buffer | undefined): void => {
    if (bytes === undefined) return;
    parts.push(bytes);
    position += bytes.length;
  };

  for (const entry of spec.entries) {
    const { data, fields, externalAttributes } = honestEntry(entry);
    append(entry.before);
    const localHeaderOffset = position;
    if (!entry.centralOnly) {
      const zeroed = { crc32: 0, compressedBytes: 0, unpackedBytes: 0 };
      append(localHeader({ ...fields, ...(entry.descriptor ? zeroed : {}), ...entry.both, ...entry.local }));
      append(data);
      if (entry.descriptor) append(descriptor({ ...fields, ...entry.descriptorValues }, entry.descriptor));
    }
    append(entry.after);
    if (entry.localOnly) continue;
    const comment = entry.central?.comment ?? Buffer.alloc(0);
    const rest = { hostSystem: 3, diskStart: 0, comment, commentBytes: comment.length };
    directory.push(
      centralHeader({
        ...fields,
        ...rest,
        externalAttributes,
        localHeaderOffset,
        ...entry.both,
        ...entry.central,
      }),
    );
  }

  append(spec.beforeDirectory);
  const directoryOffset = position;
  for (const header of spec.reverseDirectory ? directory.toReversed() : directory) append(header);
  const directoryBytes = position - directoryOffset;
  append(spec.beforeEnd);
  const comment = spec.end?.comment ?? Buffer.alloc(0);
  append(
    endRecord({
      thisDisk: 0,
      directoryDisk: 0,
      entriesOnDisk: directory.length,
      entryCount: directory.length,
      directoryBytes,
      directoryOffset,
      comment,
      commentBytes: comment.length,
      ...spec.end,
    }),
  );
  return Buffer.concat(parts);
}

function honestEntry(entry: ZipEntrySpec): {
  data: Buffer;
  fields: ZipHeaderFields;
  externalAttributes: number;
} {
  const name = Buffer.from(entry.name);
  const isFolder = name.at(-1) === 0x2f;
  const content = Buffer.from(entry.data ?? '');
  const method = entry.method ?? (isFolder ? 0 : 8);
  const data = entry.rawData ?? (method === 8 ? deflateRawSync(content) : content);
  const mode = entry.mode ?? (isFolder ? 0o040755 : 0o100644);
  const isAscii = name.every((byte) => byte < 0x80);
  const flags =
    (entry.flags ?? 0) |
    (entry.descriptor ? 1 << 3 : 0) |
    (isAscii || entry.markUtf8 === false ? 0 : 1 << 11);
  return {
    data,
    fields: {
      name,
      versionNeeded: 20,
      flags,
      method,
      crc32: crc32(content),
      compressedBytes: data.length,
      unpackedBytes: content.length,
      extra: Buffer.alloc(0),
    },
    externalAttributes: ((mode << 16) | (isFolder ? 0x10 : 0)) >>> 0,
  };
}

function localHeader(fields: ZipHeaderFields): Buffer {
  const name = Buffer.from(fields.name);
  const fixed = pack([[4, 0x04034b50], ...sharedFields(fields), [2, name.length], [2, fields.extra.length]]);
  return Buffer.concat([fixed, name, fields.extra]);
}

function centralHeader(fields: ZipCentralFields): Buffer {
  const name = Buffer.from(fields.name);
  const fixed = pack([
    [4, 0x02014b50],
    [2, (fields.hostSystem << 8) | 20],
    ...sharedFields(fields),
    [2, name.length],
    [2, fields.extra.length],
    [2, fields.commentBytes],
    [2, fields.diskStart],
    [2, 0],
    [4, fields.externalAttributes],
    [4, fields.localHeaderOffset],
  ]);
  return Buffer.concat([fixed, name, fields.extra, fields.comment]);
}

/** From "version needed" to "uncompressed size": the same in both headers. */
function sharedFields(fields: ZipHeaderFields): [number, number][] {
  return [
    [2, fields.versionNeeded],
    [2, fields.flags],
    [2, fields.method],
    [2, 0],
    [2, 0x21],
    [4, fields.crc32],
    [4, fields.compressedBytes],
    [4, fields.unpackedBytes],
  ];
}

function descriptor(fields: ZipHeaderFields, kind: 'signed' | 'unsigned'): Buffer {
  return pack([
    ...(kind === 'signed' ? [[4, 0x08074b50] as [number, number]] : []),
    [4, fields.crc32],
    [4, fields.compressedBytes],
    [4, fields.unpackedBytes],
  ]);
}

function endRecord(fields: ZipEndFields): Buffer {
  const fixed = pack([
    [4, 0x06054b50],
    [2, fields.thisDisk],
    [2, fields.directoryDisk],
    [2, fields.entriesOnDisk],
    [2, fields.entryCount],
    [4, fields.directoryBytes],
    [4, fields.directoryOffset],
    [2, fields.commentBytes],
  ]);
  return Buffer.concat([fixed, fields.comment]);
}

/** Little-endian numbers, each given as its width in bytes and its value. */
function pack(numbers: readonly [number, number][]): Buffer {
  const bytes = Buffer.alloc(numbers.reduce((sum, [width]) => sum + width, 0));
  let at = 0;
  for (const [width, value] of numbers) at = bytes.writeUIntLE(value, at, width);
  return bytes;
}
