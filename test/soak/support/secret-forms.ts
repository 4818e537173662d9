/** Every secret of a soak begins and ends so, and nothing else does: what is looked for is found in one pass, also where a part was masked. */
const parts = ['Geheimnis-', '-verraten'] as const;

export function secretOf(middle: string): string {
  return parts.join(middle);
}

const forms = parts.flatMap((part) => [part, ...[0, 1, 2].map((skip) => inBase64(part, skip))]);

/** In base64 at this alignment, without what its neighbours have a part in. */
function inBase64(part: string, skip: number): string {
  return Buffer.from(part.slice(skip, part.length - ((part.length - skip) % 3))).toString('base64');
}

/** Whether a secret, or its first or last part, is in the text: in the clear or in base64. */
export function holdsSecret(text: string): boolean {
  return forms.some((form) => text.includes(form));
}
