import { z } from 'zod';
import type { Manifest } from '../manifest.ts';

const Labels = z.record(z.string(), z.string());
const Templated = z.looseObject({ template: z.looseObject({ metadata: z.looseObject({ labels: Labels.default({}) }) }) });

/** Labels of the pods that a workload makes. */
export function podLabels(manifest: Manifest): Record<string, string> {
  return Templated.parse(manifest['spec']).template.metadata.labels;
}

export function matches(selector: Readonly<Record<string, string>>, labels: Readonly<Record<string, string>>): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

const Selecting = z.looseObject({
  selector: z.union([z.looseObject({ matchLabels: Labels }), Labels]).optional(),
  podSelector: z.looseObject({ matchLabels: Labels.default({}) }).optional(),
});

/** What an object picks pods by; undefined when it picks none. */
export function selectorOf(manifest: Manifest): Record<string, string> | undefined {
  const { selector, podSelector } = Selecting.parse(manifest['spec']);
  if (podSelector !== undefined) return podSelector.matchLabels;
  if (selector === undefined) return undefined;
  const parsed = z.looseObject({ matchLabels: Labels }).safeParse(selector);
  return parsed.success ? parsed.data.matchLabels : Labels.parse(selector);
}
