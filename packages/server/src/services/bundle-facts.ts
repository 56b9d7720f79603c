import { isAppId } from '@capgo-server/protocol/formats/identifiers';
import { isVersionName } from '@capgo-server/protocol/formats/semver';
import { AppError } from '../domain/errors.ts';

/** What an uploader says of a bundle; texts as they came, nothing checked yet. */
export interface BundleFacts {
  readonly appId: string;
  readonly versionName: string;
  readonly description: string;
  readonly sessionKey: string;
  /** '' when the uploader names none; then it is computed. */
  readonly checksum: string;
  readonly keyId: string;
  readonly minUpdateVersion: string;
  /** '' when there is none. */
  readonly link: string;
  /** '' when there is none. */
  readonly comment: string;
}

const limitsOfTexts = {
  ...{ description: 4_096, link: 2_048, comment: 2_048 },
  ...{ sessionKey: 1_024, checksum: 1_024, keyId: 20 },
} as const;

function invalid(message: string): AppError {
  return new AppError('invalid_request', message);
}

/** Stricter than a URL parser, which overlooks blanks, line ends and missing slashes: apps open the text as it is. */
function isWebUrl(text: string): boolean {
  return /^https?:\/\/[^\s\p{Cc}]+$/iu.test(text) && URL.canParse(text);
}

/** Rejects with `invalid_request` what may be said of no bundle, later either. */
export function checkBundleTexts(
  facts: Partial<Pick<BundleFacts, keyof typeof limitsOfTexts | 'minUpdateVersion'>>,
): void {
  const { minUpdateVersion = '', link = '' } = facts;
  if (minUpdateVersion !== '' && !isVersionName(minUpdateVersion)) {
    throw invalid('min_update_version must be a semantic version such as 1.2.3');
  }
  for (const [name, maxLength] of Object.entries(limitsOfTexts)) {
    const text = facts[name as keyof typeof limitsOfTexts] ?? '';
    const wireName = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    if (text.length > maxLength) throw invalid(`${wireName} must be at most ${maxLength} characters`);
    if (text.includes('\0')) throw invalid(`${wireName} must not hold a NUL character`);
  }
  if (link !== '' && !isWebUrl(link)) {
    throw invalid('link must be a URL that starts with http:// or https://, without blanks');
  }
}

export function checkFacts(facts: BundleFacts): void {
  if (!isAppId(facts.appId)) {
    throw invalid('app_id must be a reverse-domain id such as com.example.app');
  }
  if (!isVersionName(facts.versionName)) {
    throw invalid(
      'version_name must be a semantic version such as 1.2.3, without a leading v, of at most 128 characters',
    );
  }
  checkBundleTexts(facts);
  if (facts.sessionKey !== '' && facts.checksum === '') {
    throw invalid('checksum is required with session_key: send the checksum that `bundle encrypt` printed');
  }
  if (facts.sessionKey === '' && facts.keyId !== '') {
    throw invalid('key_id needs session_key: only an encrypted bundle has a key');
  }
}

/** The SHA-256 of a bundle that lies elsewhere, as devices will compare it. */
export function statedChecksum({ checksum, sessionKey }: BundleFacts): string {
  if (sessionKey !== '') return checksum;
  if (/^[0-9a-f]{64}$/i.test(checksum)) return checksum.toLowerCase();
  throw invalid('checksum must be the SHA-256 of the zip: 64 hex characters');
}
