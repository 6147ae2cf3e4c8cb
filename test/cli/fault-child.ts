/** The command line in a process that the k-th file operation kills. Arguments: k, then those of the command line. */
import { setFaultPlan } from '../../lib/util/files.js';

const [k] = process.argv.splice(2, 1);
setFaultPlan({ k: Number(k), error: 'kill' });
await import('../../lib/cli/main.js');
