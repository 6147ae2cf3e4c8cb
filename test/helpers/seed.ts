/** Property tests draw the same cases in every run; ADAPTUNE_TEST_SEED draws others. */
import fc from 'fast-check';

fc.configureGlobal({ seed: Number(process.env['ADAPTUNE_TEST_SEED'] ?? 1) });
