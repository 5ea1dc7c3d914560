import { bucket } from './bucket.ts';
import type { Counting, Take } from './rates.ts';
import { slidingWindow } from './sliding-window.ts';

/**
 * The ways of counting. They stay two, since each is promised to somebody: a window holds an SMTP client to its limit within any
 * stretch of the time, a bucket gives room back to an HTTP key evenly, and for that lets up to twice the limit through in a stretch
 * that begins with it empty.
 */
export const countings: Readonly<Record<Take['counting'], Counting>> = { window: slidingWindow, bucket };
