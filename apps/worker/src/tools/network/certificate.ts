/** Describes the certificate of a TLS connection. */
import type { X509Certificate } from 'node:crypto';
import type { TLSSocket } from 'node:tls';

const DAY_MS = 86_400_000;

/**
 * @param now ms since the epoch
 * @returns one item per fact
 */
export function describeCertificate(tls: TLSSocket, now: number): string[] {
  const certificate = tls.getPeerX509Certificate();
  return certificate ? inShort(certificate, tls, now) : ['none'];
}

/** As `describeCertificate`, with the long facts too. */
export function describeCertificateInFull(tls: TLSSocket, now: number): string[] {
  // Node returns the certificate of a connection only once.
  const certificate = tls.getPeerX509Certificate();
  if (!certificate) return ['no certificate'];
  return [
    `valid from ${certificate.validFromDate.toISOString()}`,
    ...inShort(certificate, tls, now),
    `alt names ${certificate.subjectAltName ?? '(none)'}`,
    `chain of ${chainLength(certificate)}`,
    `protocol ${tls.getProtocol() ?? 'unknown'}`,
  ];
}

function inShort(certificate: X509Certificate, tls: TLSSocket, now: number): string[] {
  return [
    `valid until ${certificate.validToDate.toISOString()}`,
    daysLeft(certificate, now),
    `issuer ${oneLine(certificate.issuer)}`,
    `subject ${oneLine(certificate.subject)}`,
    tls.authorized ? 'trusted' : `not trusted (${String(tls.authorizationError)})`,
  ];
}

function daysLeft({ validToDate }: X509Certificate, now: number): string {
  const days = (validToDate.getTime() - now) / DAY_MS;
  return days < 0 ? `expired ${Math.floor(-days)} days ago` : `${Math.floor(days)} days left`;
}

/** Number of certificates that the server sent. */
function chainLength(certificate: X509Certificate): number {
  const seen = new Set<string>();
  for (
    let next: X509Certificate | undefined = certificate;
    next && !seen.has(next.fingerprint256);
    next = next.issuerCertificate
  )
    seen.add(next.fingerprint256);
  return seen.size;
}

function oneLine(name: string | undefined): string {
  return name?.replaceAll('\n', ', ') || '(none)';
}
