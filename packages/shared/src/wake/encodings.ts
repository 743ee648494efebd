/** The forms in which a known value may stand in a text. */

const ENCODER = new TextEncoder();

/** Base64 of bytes that begin at each of the three places of a group, without the characters that depend on the bytes around. */
function base64Of(value: string): string[] {
  const bytes = String.fromCharCode(...ENCODER.encode(value));
  return [0, 1, 2].map((before) => {
    const encoded = btoa('\0'.repeat(before) + bytes).replace(/=+$/, '');
    const from = Math.ceil((before * 8) / 6);
    const whole = Math.floor(((before + bytes.length) * 8) / 6);
    return encoded.slice(from, whole);
  });
}

/** The value itself, and its JSON, percent-encoded and base64 forms, each once. */
export function formsOf(value: string): string[] {
  const base64 = base64Of(value);
  const percent = encodeURIComponent(value.toWellFormed());
  const forms = [
    value,
    JSON.stringify(value).slice(1, -1),
    percent,
    percent.replaceAll('%20', '+'),
    percent.replace(/%[0-9A-F]{2}/g, (code) => code.toLowerCase()),
    ...base64,
    ...base64.map((text) => text.replaceAll('+', '-').replaceAll('/', '_')),
  ];
  return [...new Set(forms)];
}
