import { Readable } from 'node:stream';

import type Docker from 'dockerode';

import { tarArchive } from './tar.ts';

/** Holds nothing but {@link pauseProgram}; kept between runs, 4 kB in size. */
export const pauseImage = 'errand-aci-emulator-pause:1';
export const pausePath = '/pause';

/**
 * A program that only waits, so that a group's network and volumes outlive its containers: there is no registry to take one from.
 * An ELF file (System V ABI, x86-64) with one segment and three instructions: the system call `pause`, over and over.
 */
export function pauseProgram(): Buffer {
  const code = Buffer.from([0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7]);
  const headers = Buffer.alloc(64 + 56);
  const base = 0x40_00_00n;
  const size = BigInt(headers.length + code.length);
  headers.set([0x7f, 0x45, 0x4c, 0x46, 2, 1, 1]);
  headers.writeUInt16LE(2, 16); // An executable
  headers.writeUInt16LE(62, 18); // for x86-64
  headers.writeUInt32LE(1, 20);
  headers.writeBigUInt64LE(base + BigInt(headers.length), 24); // that starts behind the headers.
  headers.writeBigUInt64LE(64n, 32);
  headers.writeUInt16LE(64, 52);
  headers.writeUInt16LE(56, 54);
  headers.writeUInt16LE(1, 56);
  headers.writeUInt32LE(1, 64); // One segment to load,
  headers.writeUInt32LE(5, 68); // to read and to execute,
  headers.writeBigUInt64LE(base, 80);
  headers.writeBigUInt64LE(base, 88);
  headers.writeBigUInt64LE(size, 96); // which is the whole file.
  headers.writeBigUInt64LE(size, 104);
  headers.writeBigUInt64LE(0x1000n, 112);
  return Buffer.concat([headers, code]);
}

/** Makes the image where the engine does not have it. */
export async function ensurePauseImage(docker: Docker): Promise<void> {
  try {
    await docker.getImage(pauseImage).inspect();
    return;
  } catch (error) {
    if ((error as { statusCode?: number }).statusCode !== 404) throw error;
  }
  const { Arch } = await docker.version();
  if (Arch !== 'amd64')
    throw new Error(`The engine's machine is ${Arch}, but container groups are amd64; use an engine on x86-64`);
  const archive = tarArchive([{ name: 'pause', content: pauseProgram(), mode: 0o755 }]);
  const [repo = '', tag = ''] = pauseImage.split(':');
  const progress = await docker.importImage(Readable.from([archive]), { repo, tag });
  for await (const chunk of progress) {
    const text = String(chunk);
    if (text.includes('"error"')) throw new Error(`The engine did not take the image of the emulator: ${text.trim()}`);
  }
}
