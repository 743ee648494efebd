/** Certificates of a test's own authority, made with openssl. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { onTestFinished } from 'vitest';

/** Paths of a certificate and its key. */
export interface Certificate {
  cert: string;
  key: string;
}

/**
 * Makes an authority in the folder.
 *
 * @returns issues certificates: `names` as in subjectAltName, `days` of validity, -1 for an expired one
 */
export function authority(folder: string) {
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  const newKey = ['-newkey', 'rsa:2048', '-nodes', '-keyout'];
  openssl('req', '-x509', ...newKey, 'ca.key', '-out', 'ca.pem', '-days', '30', '-subj', '/CN=the authority');
  const ca = join(folder, 'ca.pem');
  const issue = (file: string, names: string, days = 10): Certificate => {
    const extension = `subjectAltName=${names}`;
    openssl('req', ...newKey, `${file}.key`, '-out', 'csr', '-subj', `/CN=${file}`, '-addext', extension);
    const signing = ['-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial', '-copy_extensions', 'copy'];
    openssl('x509', '-req', '-in', 'csr', ...signing, '-days', String(days), '-out', `${file}.pem`);
    return { cert: join(folder, `${file}.pem`), key: join(folder, `${file}.key`) };
  };
  /** Makes this process trust the authority until the test ends. */
  const trust = () => {
    const before = getCACertificates('default');
    setDefaultCACertificates([...before, readFileSync(ca, 'utf8')]);
    onTestFinished(() => setDefaultCACertificates(before));
  };
  return { ca, issue, trust };
}

/** Arguments of redis-server for TLS on a port. */
export function tlsArguments(port: number, { cert, key }: Certificate, ca: string): string[] {
  const files = ['--tls-cert-file', cert, '--tls-key-file', key, '--tls-ca-cert-file', ca];
  return ['--tls-port', String(port), ...files, '--tls-auth-clients', 'no'];
}
