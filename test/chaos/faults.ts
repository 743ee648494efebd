/** All faults that a chaos run injects. */
import { APP_FAULTS } from './faults/apps.ts';
import type { Fault } from './faults/fault.ts';
import { LOG_FAULTS } from './faults/log.ts';
import { REDIS_FAULTS } from './faults/redis.ts';
import { SERVICE_FAULTS } from './faults/services.ts';

export const FAULTS: Fault[] = [...LOG_FAULTS, ...REDIS_FAULTS, ...APP_FAULTS, ...SERVICE_FAULTS];
