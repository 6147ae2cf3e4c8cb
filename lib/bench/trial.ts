/** A trial's process: `node trial.js SPEC` prints one line of JSON, the figures or a coded error. */
import { AdaptuneError } from '../errors.js';
import { kernelTrial, type KernelTrialSpec } from './kernel-trial.js';
import type { StepTrialSpec } from './step-trial.js';

export type TrialSpec = ({ of: 'kernel' } & KernelTrialSpec) | ({ of: 'step' } & StepTrialSpec);

async function run(spec: TrialSpec): Promise<unknown> {
  if (spec.of === 'kernel') return kernelTrial(spec);
  const { stepTrial } = await import('./step-trial.js');
  return stepTrial(spec);
}

const line = await run(JSON.parse(process.argv[2]!) as TrialSpec).catch((error: unknown) => {
  process.exitCode = 1;
  const code = error instanceof AdaptuneError ? error.code : 'E_INTERNAL';
  return { error: { code, message: error instanceof Error ? error.message : String(error) } };
});
process.stdout.write(`${JSON.stringify(line)}\n`);
