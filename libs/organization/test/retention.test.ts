import { describe, expect, test } from '@jest/globals';
import { contentRetentionMs, maxHoldMs, organizationOf, type OrganizationInput } from '../src/index.ts';

const day = 86_400_000;
const settings = (more: Partial<OrganizationInput> = {}) => organizationOf(more).current().settings;
const listener = (more: object = {}) => ({ name: 'submission', kind: 'smtp' as const, listener: 'submission' as const, ...more });

describe('how long mail may be held', () => {
  test.each([
    { name: 'on a submission listener over a weekend', gateway: listener(), more: {}, gives: 3 * day },
    { name: 'elsewhere not at all', gateway: { listener: 'mx' as const }, more: {}, gives: 0 },
    { name: 'as the file says', gateway: { listener: 'mx' as const, maxHold: day }, more: {}, gives: day },
    { name: 'no longer than its body is kept', gateway: listener(), more: { contentRetention: '4d' }, gives: day },
    { name: 'a body that is kept for its time alone', gateway: listener(), more: { contentRetention: '3d' }, gives: 0 },
  ])('$name', ({ gateway, more, gives }) => {
    expect(maxHoldMs(gateway, settings(more))).toBe(gives);
  });
});

describe('how long a body is kept (R13)', () => {
  test.each([
    { name: 'the longest hold, the life of a mail, a day', more: {}, gives: 6 * day },
    { name: 'a submission listener that holds nothing', more: { gateways: [listener({ maxHold: '0s' })] }, gives: 3 * day },
    { name: 'one that holds longer', more: { gateways: [listener({ maxHold: '10d' })] }, gives: 13 * day },
    { name: 'as the file says', more: { contentRetention: '30d' }, gives: 30 * day },
  ])('$name', ({ more, gives }) => {
    expect(contentRetentionMs(settings(more))).toBe(gives);
  });
});
