import { desiredPods, type ScalingTarget, type StationReading } from '@mailrail/topology';

/** A way to count pods; the line's own, and what one would try first. */
export interface Rule {
  name: string;
  says: string;
  desired: (reading: StationReading, target: ScalingTarget) => number;
}

const bounded = (asked: number, { minPods, maxPods }: ScalingTarget) => Math.min(maxPods, Math.max(minPods, Math.ceil(asked)));
const byMails = ({ bagsReady = 0, bagsInHand = 0, meanBag = 4 }: StationReading, { mailsPerSecond, ageSeconds }: ScalingTarget) =>
  ((bagsReady + bagsInHand) * meanBag) / (mailsPerSecond * ageSeconds);
const byBags = ({ bagsReady = 0 }: StationReading) => bagsReady / 100;
const byAge = ({ pods, oldestSeconds = 0 }: StationReading, { ageSeconds }: ScalingTarget) => (pods * oldestSeconds) / ageSeconds;

export const rules: readonly Rule[] = [
  { name: 'adopted', says: 'mails, rate and age, held while bags wait', desired: desiredPods },
  {
    name: 'depth',
    says: 'a pod for each 100 messages in the queue, as most examples have it',
    desired: (reading, target) => bounded(byBags(reading), target),
  },
  {
    name: 'age',
    says: 'the age against its target alone',
    desired: (reading, target) => bounded(byAge(reading, target), target),
  },
  {
    name: 'age-mails',
    says: 'the larger of age and mails, without rate and hold',
    desired: (reading, target) => bounded(Math.max(byAge(reading, target), byMails(reading, target)), target),
  },
];
