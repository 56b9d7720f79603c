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
      readonly kind: 'run-many';
      /** A statement to be run with each row; whoever wants all of them or none begins a transaction first. */
      readonly text: string;
      readonly rows: readonly (readonly unknown[])[];
    }
  | { readonly id: number; readonly kind: 'close' };

/** Answers come in the order of the requests. */
export type WorkerAnswer =
  | {
      readonly id: number;
      /** Of `run-many` how many rows each run changed. */
      readonly rows: unknown[];
      readonly changes: number;
    }
  | { readonly id: number; readonly error: { readonly code: string; readonly message: string } };
