import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { describe, expect, onTestFinished, test } from 'vitest';
import { ToolRefused } from '../../../src/tools/tool.ts';
import { run, type Setup } from './servers.ts';

describe('dns_lookup', () => {
  const A = 1;
  const MX = 15;
  const TXT = 16;

  /** A name server on loopback; `answers` are the data of the records it knows by type, or else a code. */
  async function nameServer(answers: Record<number, Buffer[]>, otherwise: number) {
    const socket = createSocket('udp4');
    const asked: string[] = [];
    socket.on('message', (message, from) => {
      const end = message.indexOf(0, 12) + 5;
      const question = message.subarray(12, end);
      asked.push(
        question
          .subarray(1, -5)
          .toString('latin1')
          .replace(/[^\w-]/g, '.'),
      );
      const type = question.readUInt16BE(question.length - 4);
      const data = answers[type] ?? [];
      const header = Buffer.alloc(12);
      message.copy(header, 0, 0, 2);
      header.writeUInt16BE(0x8180 | (answers[type] ? 0 : otherwise), 2);
      header.writeUInt16BE(1, 4);
      header.writeUInt16BE(data.length, 6);
      const records = data.map((data) => {
        const record = Buffer.alloc(12);
        // Its name is that of the question.
        record.writeUInt16BE(0xc00c, 0);
        record.writeUInt16BE(type, 2);
        record.writeUInt16BE(1, 4);
        record.writeUInt32BE(60, 6);
        record.writeUInt16BE(data.length, 10);
        return Buffer.concat([record, data]);
      });
      socket.send(Buffer.concat([header, question, ...records]), from.port, from.address);
    });
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    onTestFinished(async () => {
      socket.close();
      await once(socket, 'close');
    });
    return { dnsServers: [`127.0.0.1:${socket.address().port}`], asked, socket };
  }

  const NXDOMAIN = 3;
  const SERVFAIL = 2;
  const unknown = () => Promise.reject(Object.assign(new Error('getaddrinfo'), { code: 'ENOTFOUND' }));

  test('returns the addresses with their TTL', async () => {
    const { dnsServers } = await nameServer({ [A]: [Buffer.from([93, 184, 215, 14])] }, NXDOMAIN);
    const text = await run('a.example', 'dns_lookup', { host: 'A.example.' }, { dnsServers, lookup: unknown });
    expect(text).toMatch(
      /^a\.example A 93\.184\.215\.14 ttl 60 s \(after \d+ ms\)\na\.example AAAA: no such name \(ENOT/,
    );
  });

  test.each<[string, number, Buffer, string]>([
    ['MX', MX, Buffer.from('\0\x0a\x02mx\xc0\x0c', 'latin1'), '10 mx.a.example'],
    ['TXT', TXT, Buffer.from('\x05v=spf\x02 1'), 'v=spf 1'],
    ['NS', 2, Buffer.from('\x02ns\xc0\x0c', 'latin1'), 'ns.a.example'],
    ['CNAME', 5, Buffer.from('\x01b\xc0\x0c', 'latin1'), 'b.a.example'],
    ['AAAA', 28, Buffer.from('26064700000000000000000000001111', 'hex'), '2606:4700::1111 ttl 60 s'],
  ])('tells %s records', async (type, number, data, expected) => {
    const { dnsServers } = await nameServer({ [number]: [data] }, NXDOMAIN);
    const text = await run('a.example', 'dns_lookup', { host: 'a.example', type }, { dnsServers });
    expect(text).toContain(`a.example ${type} ${expected} (after`);
  });

  test('reports a missing name, and a server failure', async () => {
    const none = await nameServer({}, NXDOMAIN);
    const look = (dnsServers: string[], type: string) =>
      run('a.example', 'dns_lookup', { host: 'a.example', type }, { dnsServers, lookup: unknown });
    expect(await look(none.dnsServers, 'MX')).toMatch(/^a\.example MX: no such name \(ENOTFOUND\), after \d+ ms$/);
    const failing = await nameServer({}, SERVFAIL);
    expect(await look(failing.dnsServers, 'A')).toMatch(/^a\.example A: the name servers failed \(ESERVFAIL\)/);
  });

  test('adds addresses that only this system has', async () => {
    const { dnsServers } = await nameServer({}, NXDOMAIN);
    const lines = await run('localhost', 'dns_lookup', { host: 'localhost', type: 'A' }, { dnsServers });
    expect(lines).toMatch(/^localhost A: no such name .*; this system \(hosts file or similar\): 127\.0\.0\.1$/);
  });

  test('sends no query for a host that is not listed', async () => {
    const { dnsServers, asked } = await nameServer({}, NXDOMAIN);
    await expect(run('a.example', 'dns_lookup', { host: 'b.a.example' }, { dnsServers })).rejects.toThrow(
      new ToolRefused('b.a.example is not on the list: KORA_HTTP_CHECK_ALLOW would have to list b.a.example.'),
    );
    expect(asked).toEqual([]);
    expect(await run('10.0.0.0/8', 'dns_lookup', { host: '10.0.0.1' }, { dnsServers })).toContain('is an address');
    expect(asked).toEqual([]);
  });

  test('does not wait for silent servers beyond the time limit', async () => {
    const silent = createSocket('udp4').bind(0, '127.0.0.1');
    await once(silent, 'listening');
    onTestFinished(() => void silent.close());
    const dnsServers = [`127.0.0.1:${silent.address().port}`];
    const look = (setup: Setup) => run('a.example', 'dns_lookup', { host: 'a.example' }, { dnsServers, ...setup });
    expect(await look({ timeLimitMs: 200 })).toContain('a.example A: time ran out');
    const controller = new AbortController();
    const reason = new Error('enough');
    silent.once('message', () => controller.abort(reason));
    await expect(look({ signal: controller.signal })).rejects.toBe(reason);
  });
});
