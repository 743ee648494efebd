/**
 * Runs the Lua scripts of `packages/shared/lua`. Each script is a file whose header names its keys, arguments and result.
 * `-- @include lib/NAME` puts the shared functions of `lib/NAME.lua` in its place. ioredis sends a script by its digest,
 * and its text only to a Redis that does not have it yet.
 */
import { readFileSync } from 'node:fs';
import type { RedisClient } from '../runtime/redis.ts';

/** @param keys the script's KEYS @param args its ARGV; an object is sent as JSON, which the script reads with cjson */
type Script = (redis: RedisClient, keys: string[], ...args: Array<string | number | object>) => Promise<unknown>;

/** The folder is next to both `src` and `dist`, so sources and built files find the same scripts. */
const FOLDER = new URL('../../lua/', import.meta.url);
const INCLUDE = /^-- @include (\S+)$/gm;

/** @param name of the file, without `.lua` */
export function luaScript(name: string): Script {
  const lua = readScript(name);
  const command = `kora:${name}`;
  const defined = new WeakSet<RedisClient>();
  return (redis, keys, ...args) => {
    if (!defined.has(redis)) redis.defineCommand(command, { lua });
    defined.add(redis);
    const run: unknown = Reflect.get(redis, command);
    if (typeof run !== 'function') throw new Error(`ioredis did not define the command ${command}`);
    const values = args.map((arg) => (typeof arg === 'object' ? JSON.stringify(arg, wellFormed) : arg));
    return run.call(redis, keys.length, ...keys, ...values);
  };
}

function readScript(name: string): string {
  const text = readFileSync(new URL(`${name}.lua`, FOLDER), 'utf8');
  return text.replace(INCLUDE, (_line, included: string) => readScript(included));
}

/** cjson refuses the escape of a lone surrogate, which a cut can leave at the end of a text. */
function wellFormed(_key: string, value: unknown): unknown {
  return typeof value === 'string' ? value.toWellFormed() : value;
}
