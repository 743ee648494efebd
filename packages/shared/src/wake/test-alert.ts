/** The name of a test alert, which a person sends to see whether alerts arrive. */

export const TEST_PROBE = 'kora-wake';

/** @param number eight hexadecimal digits: each test alert has its own category, so that no window suppresses it */
export const testCategory = (number: string) => `test-${number}`;

/** Whether an alert is a test: it is no sign of a storm, and must not hide in the digest of one. */
export function isTestAlert({ probe, category }: { probe: string; category: string }): boolean {
  return probe === TEST_PROBE && /^test-[0-9a-f]{8}$/.test(category);
}
