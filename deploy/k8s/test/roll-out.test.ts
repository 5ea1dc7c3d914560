import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parseAllDocuments, stringify } from 'yaml';
import { k8s, overlay } from './support/overlays.ts';

// A kubectl that writes down what it was asked, keeps what it was given, and fails where FAILS says.
const fake = `#!/bin/sh
echo "$*" >> "$TOLD/calls"
case "$*" in
  kustomize*) cat "$TOLD/rendered.yaml";;
  "apply -f "*) cp "$3" "$TOLD/$(basename "$3")";;
esac
case "$*" in *"$FAILS"*) exit 1;; esac
`;
let folder: string;
beforeAll(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'mailrail-roll-out-'));
  writeFileSync(path.join(folder, 'kubectl'), fake);
  chmodSync(path.join(folder, 'kubectl'), 0o755);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function rollOut(name: string, fails = 'never') {
  const manifests = overlay(name);
  writeFileSync(path.join(folder, 'rendered.yaml'), manifests.map((one) => stringify(one)).join('---\n'));
  rmSync(path.join(folder, 'calls'), { force: true });
  const { status, stderr } = spawnSync('sh', [path.join(k8s, 'roll-out.sh'), 'OVERLAY'], {
    env: { PATH: `${folder}:${process.env['PATH']}`, TOLD: folder, FAILS: fails },
    encoding: 'utf8',
    timeout: 20_000,
  });
  const calls = readFileSync(path.join(folder, 'calls'), 'utf8')
    .trim()
    .split('\n')
    .map((call) => call.replace(/\S*\/(first|last)\.yaml/, '$1.yaml'));
  return { status, stderr, calls, manifests };
}
const kindsIn = (file: string) => parseAllDocuments(readFileSync(path.join(folder, file), 'utf8')).map((one): string => one.toJS().kind);

test('the topology comes first, then the stages, and nothing is forgotten', () => {
  const { status, calls, manifests } = rollOut('production');
  expect(calls).toEqual([
    'kustomize OVERLAY',
    '--namespace mailrail delete job topology --ignore-not-found --wait',
    'apply -f first.yaml',
    '--namespace mailrail wait --for=condition=complete --timeout=600s job/topology',
    'apply -f last.yaml',
    '--namespace mailrail rollout status deployment --selector app.kubernetes.io/part-of=mailrail --timeout=600s',
  ]);
  expect(status).toBe(0);
  const [first, last] = [kindsIn('first.yaml'), kindsIn('last.yaml')];
  expect(new Set(last)).toEqual(new Set(['Deployment', 'ScaledObject']));
  expect(first).toContain('Job');
  expect([...first, ...last].toSorted()).toEqual(manifests.map(({ kind }) => kind).toSorted());
});

test('a topology that fails stops the roll-out before any stage', () => {
  const { status, calls, stderr } = rollOut('two-sites', 'mailrail-paris wait');
  expect(status).toBe(1);
  expect(stderr).toContain('the queues in mailrail-paris are not as this version needs them');
  expect(calls).not.toContain('apply -f last.yaml');
  expect(calls.filter((call) => call.includes('delete job'))).toHaveLength(2);
});
