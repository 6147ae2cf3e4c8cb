/**
 * `adaptune bench train` and `infer` over several lengths and shapes, beside PyTorch and ONNX Runtime: all contenders of one
 * table take turns. One result file each, OUT/SHAPE-LENGTHS-train.json and so on; what is there already is not run again.
 *
 * usage: node dist/bench/speed.js --out DIR [--shapes minilm] [--lengths 'fixed:128'] [--model DIR] [--python PYTHON --peers DIR]
 *        [-- more options of adaptune bench]
 *
 * --lengths is a list divided by spaces: fixed:N, uniform:LOW:HIGH, data:FOLDER (with --model for its tokenizer). --peers is a
 * folder with torch_step.py and ort_infer.py, whose command lines are described in `adaptune bench --help`.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const cli = fileURLToPath(new URL('../lib/cli/main.js', import.meta.url));
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    out: { type: 'string' },
    shapes: { type: 'string', default: 'minilm' },
    lengths: { type: 'string', default: 'fixed:128' },
    model: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    peers: { type: 'string' },
  },
});
const { out, model, python, peers } = values;
if (!out) throw new Error('expected --out DIR');
mkdirSync(out, { recursive: true });

for (const shape of values.shapes.split(' '))
  for (const lengths of values.lengths.split(' '))
    for (const what of ['train', 'infer']) {
      const file = join(out, `${shape}-${basename(lengths).replaceAll(':', '-')}-${what}.json`);
      if (existsSync(file)) continue;
      const args = [cli, 'bench', what, '--shape', shape, '--lengths', lengths, '--out', file, ...positionals];
      if (model) args.push('--model', model);
      if (peers) args.push('--peer-command', `${python} ${join(peers, 'torch_step.py')}`);
      if (peers && what === 'infer') args.push('--ort-command', `${python} ${join(peers, 'ort_infer.py')}`);
      console.error(`${file}: adaptune ${args.slice(1).join(' ')}`);
      const { status } = spawnSync(process.execPath, args, { stdio: 'inherit' });
      if (status !== 0) process.exitCode = 1;
    }
