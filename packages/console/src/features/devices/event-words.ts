/** What device events mean, for people; and whether they are good news. */
interface EventWords {
  readonly text: string;
  readonly color: 'teal' | 'red' | 'blue' | 'gray' | 'orange';
}

const known: Readonly<Record<string, EventWords>> = {
  get: { text: 'Was offered an update', color: 'blue' },
  set: { text: 'Installed the bundle', color: 'teal' },
  set_next: { text: 'Will install the bundle at its next start', color: 'blue' },
  set_fail: { text: 'Could not install the bundle', color: 'red' },
  update_fail: { text: 'Went back: the bundle did not start', color: 'red' },
  download_complete: { text: 'Downloaded the bundle', color: 'blue' },
  download_fail: { text: 'Could not download the bundle', color: 'red' },
  download_manifest_start: { text: 'Began to download changed files', color: 'gray' },
  download_manifest_complete: { text: 'Downloaded the changed files', color: 'blue' },
  download_zip_start: { text: 'Began to download the zip', color: 'gray' },
  download_zip_complete: { text: 'Downloaded the zip', color: 'blue' },
  checksum_fail: { text: 'The download’s checksum was wrong', color: 'red' },
  checksum_required: { text: 'Refused a bundle without checksum', color: 'red' },
  decrypt_fail: { text: 'Could not decrypt the bundle', color: 'red' },
  unzip_fail: { text: 'Could not unzip the bundle', color: 'red' },
  directory_path_fail: { text: 'The zip had a bad path', color: 'red' },
  windows_path_fail: { text: 'The zip had a Windows path', color: 'red' },
  canonical_path_fail: { text: 'The zip led out of its folder', color: 'red' },
  low_mem_fail: { text: 'Too little memory', color: 'red' },
  insufficient_disk_space: { text: 'Too little disk space', color: 'red' },
  backend_refusal: { text: 'The server refused the request', color: 'orange' },
  delete: { text: 'Deleted the bundle from the device', color: 'gray' },
  reset: { text: 'Went back to the builtin bundle', color: 'gray' },
  noNew: { text: 'Had the newest already', color: 'gray' },
  ping: { text: 'Said that it is there', color: 'gray' },
  app_moved_to_foreground: { text: 'App came to the foreground', color: 'gray' },
  app_moved_to_background: { text: 'App went to the background', color: 'gray' },
  uninstall: { text: 'Replaced the bundle by another', color: 'gray' },
  setChannel: { text: 'Chose a channel', color: 'blue' },
  getChannel: { text: 'Asked for its channel', color: 'gray' },
  missingBundle: { text: 'The bundle is missing on the server', color: 'orange' },
  channelMisconfigured: { text: 'Its channel is misconfigured', color: 'orange' },
  rateLimited: { text: 'Was told to slow down', color: 'orange' },
  disableAutoUpdateToMajor: { text: 'Withheld: another major version', color: 'orange' },
  disableAutoUpdateToMinor: { text: 'Withheld: another minor version', color: 'orange' },
  disableAutoUpdateToPatch: { text: 'Withheld: another patch version', color: 'orange' },
  disableAutoUpdateUnderNative: { text: 'Withheld: older than the native app', color: 'orange' },
  disableAutoUpdateMetadata: { text: 'Withheld: below the minimum native version', color: 'orange' },
};

export function wordsOf(action: string): EventWords {
  const found = known[action];
  if (found) return found;
  const progress = /^download_(\d+)$/.exec(action);
  if (progress) return { text: `Downloaded ${progress[1]} %`, color: 'gray' };
  const text = action
    .replace(/([a-z])([A-Z])/g, '$1 $2')
    .replaceAll('_', ' ')
    .toLowerCase();
  return { text: text.charAt(0).toUpperCase() + text.slice(1), color: /fail/i.test(action) ? 'red' : 'gray' };
}
