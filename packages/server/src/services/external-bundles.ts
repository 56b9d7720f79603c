import type { Actor } from '../domain/actor.ts';
import type { Bundle } from '../domain/bundle.ts';
import { AppError } from '../domain/errors.ts';
import type { OutboundHttp } from '../ports/outbound-http.ts';
import { type BundleFacts, checkFacts, statedChecksum } from './bundle-facts.ts';
import type { Bundles } from './bundles.ts';

/** Bundles whose zip somebody else serves to the devices. */
export interface ExternalBundles {
  /**
   * Makes a bundle of the zip behind an https URL, which devices are sent as it is written. The zip is fetched and
   * checked as an upload; only an encrypted one cannot be compared with its checksum, which is of what it holds.
   *
   * Rejects with `invalid_request`, with `version_already_exists`, with `url_not_allowed` and `url_unreachable`, with
   * `payload_too_large`, and with `invalid_bundle` for what is not the zip that was promised, or none that devices can use.
   */
  register(facts: BundleFacts, externalUrl: string, actor: Actor): Promise<Bundle>;
}

/** Within what a connection to us may be silent, or the answer would reach nobody. */
const fetchTimeoutMs = 100_000;
const maxRedirects = 5;
const maxUrlLength = 2_048;

function checkUrl(url: string): void {
  if (url.length > maxUrlLength) {
    throw new AppError('invalid_request', `external_url must be at most ${maxUrlLength} characters`);
  }
  // Sent to devices to the letter, so nothing that a parser would read as something else.
  if (!/^https:\/\/[^\s\p{Cc}\\]+$/u.test(url) || !URL.canParse(url)) {
    throw new AppError('invalid_request', 'external_url must be a URL that starts with https://');
  }
}

export function createExternalBundles(deps: {
  readonly bundles: Pick<Bundles, 'stage' | 'registerUnseen' | 'requireAcceptable'>;
  readonly outbound: OutboundHttp;
  readonly maxBundleBytes: number;
  /** Whether the zip is fetched at all. */
  readonly isVerifying: boolean;
}): ExternalBundles {
  const { bundles, outbound, maxBundleBytes, isVerifying } = deps;
  return {
    async register(facts, externalUrl, actor) {
      checkFacts(facts);
      statedChecksum(facts);
      checkUrl(externalUrl);
      await bundles.requireAcceptable(facts);
      if (!isVerifying) return bundles.registerUnseen(facts, externalUrl, actor);
      const answer = await outbound.request({
        ...{ method: 'GET', url: externalUrl, timeoutMs: fetchTimeoutMs },
        ...{ maxBytes: maxBundleBytes, maxRedirects },
      });
      if (answer.status !== 200) {
        answer.discard();
        throw new AppError('invalid_bundle', `external_url answers ${answer.status}, and not with a zip`);
      }
      const staged = await bundles.stage(answer.body);
      try {
        return await staged.register(facts, externalUrl, actor);
      } finally {
        await staged.discard();
      }
    },
  };
}
