/** Saves all alerts of the page's filter as a file. */
import { useState } from 'preact/hooks';
import * as api from '../../api/resources.ts';
import type { Investigation } from '../../api/types.ts';
import { counted } from '../../format.ts';

const COLUMNS = [
  'wakeId',
  'enqueuedAt',
  'probe',
  'category',
  'severity',
  'title',
  'outcome',
  'verdict',
  'summary',
  'code',
  'suppressed',
  'costUsd',
  'durationMs',
  'incidentId',
] as const;

const FORMATS = {
  csv: { type: 'text/csv', write: toCsv },
  json: { type: 'application/json', write: (entries: Investigation[]) => JSON.stringify(entries, null, 2) },
};
type Format = keyof typeof FORMATS;

/** @param query of the list, without a page */
export function ExportButtons({ query }: { query: string }) {
  const [progress, setProgress] = useState('');
  const [busy, setBusy] = useState(false);
  const save = async (format: Format) => {
    setBusy(true);
    setProgress(await exportAll(query, format, setProgress));
    setBusy(false);
  };
  return (
    <span class="tools">
      <span role="status" class="fine">
        {progress}
      </span>
      {(['csv', 'json'] as const).map((format) => (
        <button key={format} type="button" class="quiet" disabled={busy} onClick={() => void save(format)}>
          Export {format.toUpperCase()}
        </button>
      ))}
    </span>
  );
}

async function exportAll(query: string, format: Format, progress: (text: string) => void): Promise<string> {
  const entries: Investigation[] = [];
  let cursor: string | null = '';
  while (cursor !== null) {
    const page = await api.readInvestigations(query, cursor);
    if (!page.ok) return `Not exported: ${page.fault.message}`;
    entries.push(...page.body.entries);
    cursor = page.body.nextCursor;
    progress(`Exporting… ${counted(entries.length, 'alert')}`);
  }
  const { type, write } = FORMATS[format];
  download(`kora-wake-alerts-${new Date().toISOString().slice(0, 10)}.${format}`, new Blob([write(entries)], { type }));
  return `Exported ${counted(entries.length, 'alert')}`;
}

function download(name: string, blob: Blob): void {
  const url = URL.createObjectURL(blob);
  const link = document.createElement('a');
  Object.assign(link, { href: url, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 60_000);
}

/** Without this mark Excel does not read UTF-8. */
const BYTE_ORDER_MARK = '\uFEFF';

function toCsv(entries: Investigation[]): string {
  const lines = entries.map((entry) => COLUMNS.map((name) => cell(entry[name])));
  return BYTE_ORDER_MARK + [COLUMNS, ...lines].map((values) => `${values.join(',')}\r\n`).join('');
}

/** A spreadsheet runs a text that begins with one of these characters as a formula. */
const FORMULA = /^[=+\-@\t\r]/;

function cell(value: string | number | null): string {
  if (typeof value !== 'string') return value === null ? '' : String(value);
  const text = FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
