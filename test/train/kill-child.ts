/** Runs in a child process: trains until the k-th file operation, which kills it. Arguments: OUT, k. */
import { operationCount, setFaultPlan } from '../../lib/util/files.js';
import { tinyRun } from './tiny-run.js';

const [out, k] = process.argv.slice(2) as [string, string];
setFaultPlan({ k: Number(k), error: 'kill' });
await tinyRun(out);
console.log(operationCount());
