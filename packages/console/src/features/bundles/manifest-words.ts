import type { BundleView } from '@capgo-server/protocol/management/bundles';

type Manifest = Pick<BundleView, 'manifest_state' | 'manifest_reason'>;

const reasons: Readonly<Record<string, string>> = {
  encrypted: 'It is encrypted, and its uploader sent no list of files.',
  external: 'Its zip lies elsewhere.',
  brotli_names: 'Some of its files end in .br, which devices would take for compressed ones.',
  too_many_files: 'It has more files than a manifest may list.',
  damaged: 'Its zip cannot be read any more.',
  interrupted: 'The server was stopped every time it tried.',
};

const states: Readonly<Record<BundleView['manifest_state'], string>> = {
  pending: 'The server is taking it apart; until then devices get the whole zip.',
  ready: 'Devices download only the files they do not have.',
  none: 'Devices get the whole zip.',
  failed: 'The list of files could not be made; devices get the whole zip.',
};

export const manifestColors = { pending: 'blue', ready: 'teal', none: 'gray', failed: 'red' } as const;

/** Whether devices can download single files of a bundle, and why not. */
export function manifestInWords({ manifest_state: state, manifest_reason: reason }: Manifest): string {
  if (reason === null) return states[state];
  return `${states[state]} ${reasons[reason] ?? `Reason: ${reason.replaceAll('_', ' ')}.`}`;
}
