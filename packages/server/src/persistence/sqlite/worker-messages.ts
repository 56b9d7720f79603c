/** What the thread that owns the SQLite connection is asked. Parameters are values SQLite can bind. */
export type WorkerRequest =
  | {
      readonly id: number;
      readonly kind: 'query';
      readonly text: string;
      readonly parameters: readonly unknown[];
    }
  | {
      readonly id: number;
      readonly kind: 'insert-many';
      /** An insert of one row. */
      readonly text: string;
      readonly rows: readonly (readonly unknown[])[];
    }
  | { readonly id: number; readonly kind: 'close' };

/** Answers come in the order of the requests. */
export type WorkerAnswer =
  | { readonly id: number; readonly rows: unknown[]; readonly changes: number }
  | { readonly id: number; readonly error: { readonly code: string; readonly message: string } };
