/** `npm run docs`: writes the pages of reference.ts. */
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { PAGES } from './reference.js';

for (const [name, page] of PAGES) writeFileSync(fileURLToPath(new URL(`../../docs/${name}`, import.meta.url)), page());
