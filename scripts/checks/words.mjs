// What must not stand in a file of ours.
import { readFileSync } from 'node:fs';
import path from 'node:path';
import { ownFiles, root } from './workspace.mjs';

const text = /\.(ts|mts|mjs|js|json|md|yaml|yml|sh)$|^\.ci\/|Dockerfile$/;
const code = /\.(ts|mts|mjs)$/;
const tests = /\.test\.ts$/;

/** Pattern, where it is looked for, and what to do instead. The words are put together so that this file passes itself. */
const forbidden = [
  [new RegExp(`\\b(${'TO'}DO|${'FIX'}ME|${'X'}XX)\\b`), code, 'finish it, or say in a README what is missing'],
  [
    new RegExp(`\\b(test|describe|it)\\.(${'sk'}ip|${'on'}ly|todo)\\b|\\b(x${'it'}|f${'it'}|xdescribe|fdescribe)\\(`),
    tests,
    'no test is left out',
  ],
  [new RegExp(`@ts-(${'ig'}nore|${'no'}check)`), code, 'let the type be right, or @ts-expect-error with a reason in a test'],
  [new RegExp(`(^|[\\s'"(\`=])/(${'wo'}rk|${'fa'}rm|${'ro'}ot|home/[a-z]+)/`), text, 'no path of one machine'],
  [new RegExp(`\\b(${'iss'}ue|pull request) #?\\d+\\b`, 'i'), text, 'say what it is about, not where it was discussed'],
  [
    new RegExp(`\\b(${'Cla'}ude|${'Anth'}ropic|${'Chat'}GPT|language mod${'el'}|sub-?ag${'ent'}s?)\\b`, 'i'),
    text,
    'nothing about how the project was made',
  ],
];

/** @returns {string[]} `file:line: the line`, each with what to do. */
export function wordFaults(files = ownFiles()) {
  const faults = [];
  for (const file of files) {
    if (!text.test(file) || file === 'pnpm-lock.yaml') continue;
    const lines = readFileSync(path.join(root, file), 'utf8').split('\n');
    for (const [pattern, where, instead] of forbidden) {
      if (!where.test(file)) continue;
      for (const [index, line] of lines.entries()) {
        if (pattern.test(line)) faults.push(`${file}:${index + 1}: ${line.trim().slice(0, 120)} (${instead})`);
      }
    }
  }
  return faults;
}
