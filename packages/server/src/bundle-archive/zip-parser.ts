import type { LocalFileHeader, ZipFile } from 'yauzl';
import { Entry, fromRandomAccessReaderPromise, parseExtraFields, RandomAccessReader } from 'yauzl';
import { type ArchiveRule, archiveRefusal } from '../domain/archive-rules.ts';
import { AppError } from '../domain/errors.ts';
import type { FileWindow } from './file-window.ts';

/** An extra field of a local or central header: its id and its content. */
export interface ExtraField {
  readonly id: number;
  readonly data: Buffer;
}

/** yauzl, over a window of the file, with its errors in our words. */
export interface ZipParser {
  /** The next entry of the central directory; call it once for each entry announced. */
  nextEntry(): Promise<Entry>;
  /** The local header of an entry; one that starts elsewhere, or whose data leaves the file, is refused. */
  localHeader(entry: {
    readonly name: Uint8Array;
    readonly localHeaderOffset: number;
    readonly compressedBytes: number;
  }): Promise<LocalFileHeader>;
  /** The extra fields of a header of the entry named. */
  extraFields(raw: Buffer, rule: ArchiveRule, name: Uint8Array): readonly ExtraField[];
}

export async function openZipParser(window: FileWindow): Promise<ZipParser> {
  const reader = new WindowReader(window);
  // Raw names: yauzl would turn backslashes into slashes. Sizes are checked with a rule of their own.
  const options = { autoClose: false, decodeStrings: false, validateEntrySizes: false };
  let zip: ZipFile;
  try {
    zip = await fromRandomAccessReaderPromise(reader, window.fileBytes, options);
  } catch (error) {
    throw translated(error, 'not-a-zip', 'The file is not a zip that can be read.');
  }

  let settle: { resolve(entry: Entry): void; reject(error: unknown): void } | undefined;
  zip.on('entry', (entry: Entry) => settle?.resolve(entry));
  zip.on('error', (error: unknown) =>
    settle?.reject(translated(error, 'central-directory', 'The central directory of the zip is damaged.')),
  );

  return {
    nextEntry: () =>
      new Promise<Entry>((resolve, reject) => {
        settle = { resolve, reject };
        zip.readEntry();
      }),

    async localHeader({ name, localHeaderOffset, compressedBytes }) {
      const entry = new Entry();
      entry.relativeOffsetOfLocalHeader = localHeaderOffset;
      entry.compressedSize = compressedBytes;
      try {
        return await zip.readLocalFileHeaderPromise(entry);
      } catch (error) {
        const sentence =
          'its local header is not where the central directory says, or its data leaves the file.';
        throw translated(error, 'local-header', sentence, name);
      }
    },

    extraFields(raw, rule, name) {
      try {
        return parseExtraFields(raw);
      } catch (error) {
        throw translated(error, rule, 'its header has a broken extra field.', name);
      }
    },
  };
}

class WindowReader extends RandomAccessReader {
  readonly #window: FileWindow;

  constructor(window: FileWindow) {
    super();
    this.#window = window;
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    this.#copy(buffer, offset, length, position).then(() => callback(null), callback);
  }

  /** In pieces: a header with its extra fields and comment may be larger than the window. */
  async #copy(buffer: Buffer, offset: number, length: number, position: number): Promise<void> {
    const step = 64 * 1024;
    for (let done = 0; done < length; done += step) {
      const bytes = await this.#window.read(position + done, Math.min(step, length - done));
      bytes.copy(buffer, offset + done);
    }
  }
}

/** What yauzl complains about is in the archive; what the file system complains about is not. */
function translated(error: unknown, rule: ArchiveRule, sentence: string, name?: Uint8Array): unknown {
  if (error instanceof AppError || !(error instanceof Error) || 'syscall' in error) return error;
  return archiveRefusal(rule, sentence, name);
}
