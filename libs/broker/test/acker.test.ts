import { expect, test } from '@jest/globals';
import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises';
import { Acker } from '../src/index.ts';

function recorded(aloneAfterMs?: number) {
  const sent: string[] = [];
  const acker = new Acker((tag, upTo) => sent.push(upTo ? `<=${tag}` : `${tag}`), aloneAfterMs);
  return { sent, acker };
}

test('what is settled in one turn is acknowledged at once, up to the highest gap-free tag', async () => {
  const { sent, acker } = recorded();
  for (const tag of [2, 1, 3]) acker.settle(tag);
  await turn();
  expect(sent).toEqual(['<=3']);
  acker.close();
});

test('a tag behind an open gap is acknowledged alone after a while, and the gap closes over it', async () => {
  const { sent, acker } = recorded(200);
  acker.settle(1);
  acker.settle(3);
  await turn();
  expect(sent).toEqual(['<=1']);
  while (sent.length < 2) await sleep(2);
  expect(sent).toEqual(['<=1', '3']);
  acker.settle(4);
  acker.settle(2);
  await turn();
  expect(sent.slice(2)).toEqual(['<=4']);
  acker.close();
});

test('one stuck tag never stops the others: 200 settled behind it all leave', async () => {
  const { sent, acker } = recorded(5);
  for (let tag = 2; tag <= 201; tag += 1) acker.settle(tag);
  while (sent.length < 200) await sleep(2);
  expect(new Set(sent).size).toBe(200);
  acker.close();
});

test('connectors acknowledge each tag alone and at once; the base moves over them without a second ack', async () => {
  const { sent, acker } = recorded();
  acker.settle(1, true);
  acker.settle(2, true);
  expect(sent).toEqual(['1', '2']);
  acker.settle(3);
  await turn();
  expect(sent).toEqual(['1', '2', '<=3']);
  acker.close();
});

test('drain acknowledges without waiting, close nothing more', async () => {
  const { sent, acker } = recorded();
  acker.settle(2);
  acker.drain();
  expect(sent).toEqual(['2']);
  acker.close();
  acker.settle(1);
  await turn();
  expect(sent).toEqual(['2']);
});
