import type { ExtractedFile, UnpackedFile } from '../ports/bundle-unpacker.ts';

/** What the thread that unpacks bundles is asked, one thing after the other. */
export type UnpackRequest = { readonly id: number } & (
  | { readonly kind: 'open'; readonly zipPath: string }
  | { readonly kind: 'extract'; readonly indexes: readonly number[]; readonly folder: string }
  | { readonly kind: 'close' }
);

export type UnpackAnswer = { readonly id: number } & (
  | { readonly files: readonly UnpackedFile[] }
  | { readonly extracted: readonly ExtractedFile[] }
  | { readonly closed: true }
  | {
      readonly error: {
        /** Of an AppError. */
        readonly code: string | undefined;
        readonly message: string;
        readonly details: Readonly<Record<string, unknown>> | undefined;
        /** Of an error of the file system. */
        readonly systemCode: string | undefined;
      };
    }
);
