import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const openssl = 'openssl';

export const canMakeCertificates = spawnSync(openssl, ['version']).status === 0;

/** A new self-signed certificate for some names, with its key; PEM. Needs openssl. */
export function makeCertificate(...names: readonly [string, ...string[]]): { cert: string; key: string } {
  const folder = mkdtempSync(join(tmpdir(), 'capgo-certificate-'));
  try {
    const [cert, key] = [join(folder, 'a.crt'), join(folder, 'a.key')];
    execFileSync(
      openssl,
      [
        ...[
          'req',
          '-x509',
          '-newkey',
          'ec',
          '-pkeyopt',
          'ec_paramgen_curve:prime256v1',
          '-nodes',
          '-days',
          '2',
        ],
        ...[
          '-subj',
          `/CN=${names[0]}`,
          '-addext',
          `subjectAltName=${names.map((name) => `DNS:${name}`).join(',')}`,
        ],
        ...['-keyout', key, '-out', cert],
      ],
      { stdio: 'pipe' },
    );
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
