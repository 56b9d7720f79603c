import type { FileHandle } from 'node:fs/promises';
import { archiveRefusal } from '../domain/archive-rules.ts';

/** The most one read may ask for; also all the memory a window takes. */
const windowBytes = 256 * 1024;

/**
 * Reads of a file by position through one buffer, so that headers that lie close cost one system call
 * together.
 */
export class FileWindow {
  /** Of the file, in bytes, when the window was opened. */
  readonly fileBytes: number;
  readonly #handle: FileHandle;
  readonly #buffer = Buffer.allocUnsafe(windowBytes);
  #start = 0;
  #length = 0;

  /** The handle stays the caller's to close. */
  constructor(handle: FileHandle, fileBytes: number) {
    this.#handle = handle;
    this.fileBytes = fileBytes;
  }

  /**
   * Exactly `length` bytes from `position` on, valid until the next read: the window shares its buffer.
   * @throws AppError invalid_bundle when the file ends before; errors of the file system as they come
   */
  async read(position: number, length: number): Promise<Buffer> {
    if (position < this.#start || position + length > this.#start + this.#length) {
      await this.#load(position, length);
    }
    const from = position - this.#start;
    return this.#buffer.subarray(from, from + length);
  }

  async #load(position: number, length: number): Promise<void> {
    if (length > windowBytes) throw new RangeError(`a window reads at most ${windowBytes} bytes at once`);
    this.#start = position;
    this.#length = 0;
    while (this.#length < length) {
      const { bytesRead } = await this.#handle.read(
        this.#buffer,
        this.#length,
        windowBytes - this.#length,
        position + this.#length,
      );
      if (bytesRead === 0) {
        throw archiveRefusal('truncated', 'The zip ends before everything it announces: it is incomplete.');
      }
      this.#length += bytesRead;
    }
  }
}
