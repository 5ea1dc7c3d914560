import { cpSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const root = path.resolve(import.meta.dirname, '../../..');

/** What the release after this one changes: mail in MTS-IN says when it was translated. It reads both forms and writes the former. */
const changes = [
  {
    file: 'libs/contracts/src/stations.ts',
    from: "export const SubmittedMail = contract('mts-in', 1, z.object(submitted));",
    to: `export const SubmittedMail = contract('mts-in', 2, z.object({ ...submitted, translatedAt: z.int() }), {
  writes: 1,
  previous: [
    previously(1, z.object(submitted), {
      upgrade: (mail) => ({ ...mail, translatedAt: mail.origin.at }),
      downgrade: ({ translatedAt: _translatedAt, ...mail }) => mail,
    }),
  ],
});`,
  },
  {
    file: 'libs/contracts/src/stations.ts',
    from: 'import { type Contract, contract, ',
    to: 'import { type Contract, contract, previously, ',
  },
  {
    file: 'services/translator/src/translate.ts',
    from: 'const submitted: SubmittedMail = { ...mail, content, sender, recipients, header };',
    to: 'const submitted: SubmittedMail = { ...mail, content, sender, recipients, header, translatedAt: Date.now() };',
  },
] as const;

/**
 * Makes a second build of the line in `folder`: this one with the contract of one station a version further.
 *
 * @returns the root of the build.
 * @throws Error when a line that is to be changed is no longer there as it was: then the change is to be mended.
 */
export function nextBuild(folder: string): string {
  const build = path.join(folder, 'next');
  // Links within the packages stay as they are, relative, and so lead into the copy.
  for (const part of ['libs', 'services', 'scripts', 'deploy/local']) {
    cpSync(path.join(root, part), path.join(build, part), {
      recursive: true,
      verbatimSymlinks: true,
      filter: (source) => path.basename(source) !== 'test',
    });
  }
  cpSync(path.join(root, 'package.json'), path.join(build, 'package.json'));
  symlinkSync(path.join(root, 'node_modules'), path.join(build, 'node_modules'));
  for (const { file, from, to } of changes) {
    const text = readFileSync(path.join(build, file), 'utf8');
    if (text.split(from).length !== 2) throw new Error(`${file} has not exactly one line «${from}»`);
    writeFileSync(path.join(build, file), text.replace(from, to));
  }
  return build;
}
