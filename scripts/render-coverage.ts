/** Writes docs/coverage.md from the coverage table. Run it after changing the table. */
import { writeFileSync } from 'node:fs';
import { renderCoverage } from '../src/resources/ambassador/coverage-page.ts';

writeFileSync(new URL('../docs/coverage.md', import.meta.url), renderCoverage());
