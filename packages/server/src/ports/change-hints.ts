/**
 * Word between nodes that something was changed, so that the others look at once. Only hints: one may be lost, come late,
 * twice or for nothing, and whoever follows the changes still asks from time to time.
 */
export interface ChangeHints {
  /** Tells the others that a change was committed. Never waits and never fails. */
  announce(): void;
  /** Calls back when another node may have changed something. */
  onHint(callback: () => void): void;
  /** After it no callback is called. */
  close(): Promise<void>;
}
