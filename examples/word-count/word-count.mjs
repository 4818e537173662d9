#!/usr/bin/env node
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';

const { Text = '', Top = '5', ERRAND_OUTPUT, ERRAND_OUTPUT_DIR } = process.env;

const words = Text.toLowerCase().match(/[\p{L}\p{N}]+(?:['’-][\p{L}\p{N}]+)*/gu) ?? [];
const counts = new Map();
for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
// Most frequent first; equals in the order of the alphabet, so that the same text gives the same answer everywhere.
const ranking = [...counts].toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));

for (const [word, count] of ranking.slice(0, Number(Top))) console.log(`${String(count).padStart(6)} ${word}`);

if (ERRAND_OUTPUT) {
  const top = ranking.slice(0, Number(Top)).map(([word, count]) => ({ word, count }));
  writeFileSync(ERRAND_OUTPUT, JSON.stringify({ words: words.length, different: counts.size, top }));
}
if (ERRAND_OUTPUT_DIR) {
  const lines = ranking.map(([word, count]) => `${word},${count}\n`);
  writeFileSync(join(ERRAND_OUTPUT_DIR, 'words.csv'), `word,count\n${lines.join('')}`);
}
