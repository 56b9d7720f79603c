import { isIP } from 'node:net';

/** The code of a system's error, wherever `fetch` or the SDK put it. */
function systemCodeOf(error: unknown): string {
  for (let each = error; each instanceof Error; each = each.cause) {
    if ('code' in each && typeof each.code === 'string') return each.code;
    if (each.name === 'TimeoutError') return 'ETIMEDOUT';
  }
  return '';
}

const certificateCodes: ReadonlySet<string> = new Set([
  'DEPTH_ZERO_SELF_SIGNED_CERT',
  'SELF_SIGNED_CERT_IN_CHAIN',
  'UNABLE_TO_VERIFY_LEAF_SIGNATURE',
  'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
]);

/** Why nothing came from a URL, or undefined when it was not the network's fault. */
export function explainNetworkFault(error: unknown, url: URL): string | undefined {
  const code = systemCodeOf(error);
  if (certificateCodes.has(code)) {
    return `the certificate of ${url.host} comes from nobody this machine trusts; name its authority's file in NODE_EXTRA_CA_CERTS, or get a certificate that phones trust as well`;
  }
  switch (code) {
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `no address is known for the host ${url.hostname}; check its spelling and the DNS`;
    case 'ECONNREFUSED':
      return `nothing listens at ${url.host}; check the port, and whether the storage runs`;
    case 'EHOSTUNREACH':
    case 'ENETUNREACH':
    case 'ETIMEDOUT':
    case 'UND_ERR_CONNECT_TIMEOUT':
    case 'UND_ERR_HEADERS_TIMEOUT':
      return `${url.host} does not answer; check the address, and firewalls on the way`;
    case 'CERT_HAS_EXPIRED':
      return `the certificate of ${url.host} has expired`;
    case 'ERR_TLS_CERT_ALTNAME_INVALID':
      return `the certificate of ${url.host} is for another host`;
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
    case 'ERR_SSL_PACKET_LENGTH_TOO_LONG':
    case 'EPROTO':
      return `${url.host} does not speak https; write http:// when it speaks http only`;
    case 'ECONNRESET':
    case 'EPIPE':
    case 'UND_ERR_SOCKET':
      return `${url.host} closes the connection without an answer; check whether it is an S3 storage, and http or https`;
    default:
      return code.startsWith('HPE_') ? `${url.host} does not speak HTTP` : undefined;
  }
}

interface S3Answer {
  readonly name?: string;
  readonly message?: string;
  readonly Region?: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

const pathStyleRefusals: ReadonlySet<string> = new Set([
  'SecondLevelDomainForbidden',
  'PathStyleDomainForbidden',
  'InvalidPathAccess',
]);

export interface Attempt {
  readonly bucket: string;
  /** Where the storage was asked. */
  readonly endpoint: URL;
  /** What the credentials must allow for it, such as `s3:PutObject`. */
  readonly permission: string;
}

/** Why the storage did not do what it was asked to, as a sentence about the setting to change. */
export function explainS3Fault(error: unknown, { bucket, endpoint, permission }: Attempt): string {
  const network = explainNetworkFault(error, endpoint);
  if (network !== undefined) return network;
  const { name = '', message = '', Region, $metadata, $response } = error as S3Answer;
  if (pathStyleRefusals.has(name)) {
    return `${endpoint.host} takes no path-style requests, which are what S3_BASE_ENDPOINT stands for; use an endpoint of the storage that does`;
  }
  switch (name) {
    case 'CredentialsProviderError':
      return 'there are no credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role or a profile';
    case 'InvalidAccessKeyId':
      return 'the storage does not know this AWS_ACCESS_KEY_ID';
    case 'SignatureDoesNotMatch':
      return 'the signature is wrong: AWS_SECRET_ACCESS_KEY does not belong to AWS_ACCESS_KEY_ID, or a proxy in front of the storage changes the Host header or the path';
    case 'ExpiredToken':
    case 'ExpiredTokenException':
    case 'InvalidToken':
      return 'AWS_SESSION_TOKEN has expired, or does not belong to the keys';
    case 'RequestTimeTooSkewed':
      return "this machine's clock differs too much from the storage's; set it by NTP";
    case 'NoSuchBucket':
      return `there is no bucket ${bucket} at ${endpoint.host}; make it, or correct S3_BUCKET`;
    case 'InvalidBucketName':
      return `${bucket} cannot be a bucket's name; correct S3_BUCKET`;
    case 'AuthorizationHeaderMalformed':
    case 'PermanentRedirect':
    case 'IllegalLocationConstraintException': {
      const region = Region ?? $response?.headers?.['x-amz-bucket-region'];
      return `the bucket is in another region; set AWS_REGION to ${region ?? 'the region of the bucket'}`;
    }
    case 'QuotaExceeded':
    case 'XMinioStorageFull':
      return `the storage is full, or the quota of bucket ${bucket} is used up`;
    default:
  }
  const status = $metadata?.httpStatusCode;
  if (status === 403) return `the credentials lack the permission ${permission} on bucket ${bucket}`;
  const said = [name, message].filter((text) => text !== '' && text !== 'UnknownError').join(': ');
  return `the storage answered ${status ?? 'in a way that is not S3'}${said === '' ? '' : ` (${said})`}; check whether ${endpoint.origin} is an S3 storage`;
}

/** Whether a host is the machine itself that looks it up, which on a phone is the phone. */
export function isLoopback(hostname: string): boolean {
  return /^(localhost|.*\.localhost|127\.\d+\.\d+\.\d+|\[::1\]|0\.0\.0\.0)$/i.test(hostname);
}

/** Whether a host is known inside a cluster or a compose project only: a name without a dot, or an internal domain. */
export function isInternalName(hostname: string): boolean {
  if (isIP(hostname.replace(/^\[|\]$/g, '')) !== 0) return false;
  return !hostname.includes('.') || /\.(local|internal|svc|lan)$/i.test(hostname);
}
