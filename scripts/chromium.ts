import { chromium, type Browser } from 'playwright-core';

import { findProgram } from './debian-packages.ts';

/** Nothing that calls home, and nothing that needs a graphics card. */
const quiet = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/** The browser of this machine; undefined where there is none. */
export function findChromium(): string | undefined {
  return findProgram('chromium') ?? findProgram('chromium-browser') ?? findProgram('google-chrome');
}

export async function launchChromium(executablePath: string): Promise<Browser> {
  // Its sandbox refuses to work for root.
  const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return chromium.launch({ executablePath, args: [...quiet, ...asRoot], timeout: 60_000 });
}
