/**
 * Hears each step of a decision and why it went as it did. Passed only when somebody wants to read it, so that the
 * texts cost nothing on the hot path.
 */
export type Trace = (step: string, why: string) => void;
