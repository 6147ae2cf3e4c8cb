/** Wrong commands, flags, values, files and configurations: one coded line each, the exit code, and the name that was meant. */
import { existsSync } from 'node:fs';
import { expect } from 'chai';
import type { ErrorCode } from '../../lib/errors.js';
import { cli, inPairs, oneObject, trainedModel } from './cli.js';

type Case = [args: string, exit: 1 | 2, code: ErrorCode, message: RegExp];

/** M: the model, T: its texts, W: the workspace. */
const CASES: Case[] = [
  ['trian', 2, 'E_ARGUMENT', /expected a command \(train, mine, .*received "trian"; did you mean train\?/],
  ['x', 2, 'E_ARGUMENT', /received "x"$/],
  ['constructor', 2, 'E_ARGUMENT', /received "constructor"$/],
  ['train', 2, 'E_ARGUMENT', /^expected --model DIR but received nothing; see adaptune train --help$/],
  ['evaluate M', 2, 'E_ARGUMENT', /^expected --data FILE but received nothing/],
  ['mine --train T', 2, 'E_ARGUMENT', /^expected --train FILE and --model DIR, or --spmf FILE/],
  ['mine --train T --spmf T', 2, 'E_ARGUMENT', /received both$/],
  ['train --modle M', 2, 'E_ARGUMENT', /^unknown option --modle; did you mean --model\?/],
  ['train --val T', 2, 'E_ARGUMENT', /^unknown option --val; did you mean --validation\?/],
  ['train --resume=no', 2, 'E_ARGUMENT', /^expected --resume without a value but received "--resume=no"/],
  ['predict M --topk 3', 2, 'E_ARGUMENT', /^unknown option --topk; did you mean --top-k\?/],
  ['predict M -x', 2, 'E_ARGUMENT', /^unknown option -x;/],
  ['train --epochs 0', 2, 'E_ARGUMENT', /^expected a whole number from 1 to 10000 for --epochs but received "0"$/],
  ['train --epochs 2.5', 2, 'E_ARGUMENT', /for --epochs but received "2\.5"$/],
  ['train --lr -1', 2, 'E_ARGUMENT', /^expected a number from 0 to 1000000000 for --lr but received "-1"$/],
  ['train --budget 0', 2, 'E_ARGUMENT', /^expected a number above 0 to 1 for --budget/],
  [
    'train --method ful',
    2,
    'E_ARGUMENT',
    /^expected one of adapt, random, layers, lora, full, frozen for --method but received "ful"$/,
  ],
  ['train --new-tokens many', 2, 'E_ARGUMENT', /or "auto" for --new-tokens/],
  ['train --seed', 2, 'E_ARGUMENT', /^expected a value after --seed/],
  ['predict', 2, 'E_ARGUMENT', /^expected <dir> but received nothing/],
  ['predict M T extra', 2, 'E_ARGUMENT', /^expected <dir> \[file\] but received .* "extra"/],
  ['predict M T --out W/x.doc', 2, 'E_ARGUMENT', /^--out: expected a file ending in \.jsonl, \.csv, \.tsv/],
  ['train --model scratch:tny --train T --out W/no', 2, 'E_ARGUMENT', /scratch:tiny, .*received "scratch:tny"$/],

  [
    'report W/nowhere',
    1,
    'E_FILE',
    /nowhere: expected the folder of a finished training run, .*without adaptune\.json$/,
  ],
  ['predict W/nowhere', 1, 'E_MODEL_INCOMPLETE', /nowhere: expected a model that adaptune saved/],
  ['predict M W/absent.csv', 1, 'E_FILE', /absent\.csv: expected a readable file, came ENOENT/],
  [
    'predict M T --text body',
    1,
    'E_DATA',
    /line 1: expected a column "body", came "text", "label"; --text names the column$/,
  ],
  ['predict M', 1, 'E_DATA', /^standard input: expected at least one row, came none/],
  ['predict M T --out W/none/x.csv', 1, 'E_FILE', /^--out: expected a file in an existing folder/],
  ['predict M T --out T', 1, 'E_OUTPUT_EXISTS', /^--out: expected a file other than the one that is read/],
  ['evaluate M --data W/absent.jsonl', 1, 'E_FILE', /absent\.jsonl/],
  ['evaluate M --data W', 1, 'E_DATA', /expected a file named \.jsonl, \.csv or \.tsv/],
  ['mine --spmf W/absent', 1, 'E_FILE', /absent/],
  ['mine --spmf T', 1, 'E_DATA', /train\.jsonl: line 1: expected/],
  ['mine --train T --model W/absent', 1, 'E_FILE', /absent: expected a model folder .* came nothing there/],
  [
    'train --model W/absent --train T --out W/no',
    1,
    'E_FILE',
    /absent: expected a model folder or scratch:tiny\|mini\|small, came nothing there/,
  ],
  ['train --model scratch:tiny --train W/absent.csv --out W/no', 1, 'E_FILE', /absent\.csv/],
  ['train --model scratch:tiny --train T --out M', 1, 'E_OUTPUT_EXISTS', /a finished model is there$/],
  ['train --model scratch:tiny --train T --out M --resume', 1, 'E_OUTPUT_EXISTS', /it is finished already$/],
  [
    'train --model scratch:tiny --train T --out W',
    1,
    'E_OUTPUT_EXISTS',
    /expected an empty folder, but "model" is in it$/,
  ],
  ['train --model scratch:tiny --train T --out T', 1, 'E_OUTPUT_EXISTS', /expected a folder, came a file$/],
  ['train --model M --train T --out M', 1, 'E_OUTPUT_EXISTS', /expected a folder other than the model's own$/],
  ['train --model M --train T --out W/../W/model/.', 1, 'E_OUTPUT_EXISTS', /other than the model's own$/],
];

describe('cli/errors', function () {
  this.timeout(120_000);
  let place: (word: string) => string;
  let space: Awaited<ReturnType<typeof trainedModel>>;
  before(async () => {
    space = await trainedModel();
    const { model, train, folder } = space;
    const up = folder.slice(folder.lastIndexOf('/'));
    place = (word) =>
      word
        .replace(/^M$/, model)
        .replace(/^T$/, train)
        .replace(/^W\/\.\.\/W/, `${folder}/..${up}`)
        .replace(/^W(?=\/|$)/, folder);
  });

  const split = (args: string) => args.split(' ').map((word) => place(word));

  it('gives one coded line and, with --json, one object', async () => {
    await inPairs(CASES, async ([args, exit, code, message]) => {
      const { code: status, stdout, stderr } = await cli(split(args).toSpliced(1, 0, '--json'));
      expect(status, `${args}\n${stderr}`).to.equal(exit);
      const { error } = oneObject(stdout) as { error: { code: string; message: string } };
      expect(error, args).to.include({ code });
      expect(error.message, args).to.match(message);
      expect(stderr.split('\n').at(-2), args).to.equal(`adaptune: ${code}: ${error.message}`);
      expect(stderr, args).not.to.match(/^ +at /m);
    });
    expect(existsSync(space.at('no')), 'nothing is created before the arguments are checked').to.equal(false);
  });

  it('keeps stdout empty without --json', async () => {
    for (const args of ['trian', 'train --epochs 0', 'evaluate M --data W/absent.jsonl']) {
      const { stdout, stderr } = await cli(split(args));
      expect(stdout, args).to.equal('');
      expect(stderr, args).to.match(/^adaptune: E_\w+: [^\n]+\n$/);
    }
  });

  it('keeps a file name with a newline and controls on its line', async () => {
    const { stderr } = await cli(['evaluate', space.model, '--data', space.at('a\n\x1b[31mb.csv')]);
    expect(stderr).to.match(/^adaptune: E_FILE: [^\n]*a\\n\\x1b\[31mb\.csv: [^\n]+\n$/);
  });

  describe('--config', () => {
    const BAD: [name: string, text: string, message: RegExp][] = [
      ['unknown.json', '{"epoch": 3}', /unknown option "epoch"; did you mean epochs\?$/],
      ['unknown.yaml', 'max-lenght: 3', /unknown option "max-lenght"; did you mean maxLength\?$/],
      ['proto.json', '{"__proto__": {"epochs": 3}}', /unknown option "__proto__"$/],
      ['flag.json', '{"json": true}', /unknown option "json"/],
      ['type.json', '{"epochs": "3"}', /expected a whole number from 1 to 10000 for epochs but received "3"$/],
      ['range.yaml', 'budget: 2', /expected a number above 0 to 1 for budget but received the number 2$/],
      ['nan.yaml', 'epochs: .nan', /for epochs but received the number NaN$/],
      ['list.yml', 'protect: "<<"', /expected a list of strings for protect but received "<<"$/],
      ['twice.json', '{"epochs": 1, "epochs": 2}', /expected every key once, came "epochs" twice/],
      ['twice.yaml', 'epochs: 1\nepochs: 2', /expected YAML, came Map keys must be unique at line 2/],
      ['both.yaml', 'max-length: 8\nmaxLength: 8', /expected maxLength once but received it twice$/],
      ['broken.json', '{"epochs": 1', /expected valid JSON, came /],
      ['broken.yaml', 'a: [1', /expected YAML, came /],
      ['alias.yaml', 'lr: &x 1\nheadLr: *x', /expected YAML, came Alias/],
      ['list.json', '[1]', /expected an object of options but received a value of type array$/],
      ['empty.yaml', '', /expected an object of options but received null$/],
    ];

    it('refuses what it does not know or cannot use, with the file, key and value (E_CONFIG, 2)', () =>
      inPairs(BAD, async ([name, text, message]) => {
        const { code, stdout, stderr } = await cli(['train', '--config', space.write(name, text), '--json']);
        expect(code, `${name}\n${stderr}`).to.equal(2);
        const { error } = oneObject(stdout) as { error: { code: string; message: string } };
        expect(error.code, name).to.equal('E_CONFIG');
        expect(error.message).to.match(message).and.to.contain(space.at(name));
      }));

    it('names a file that is not there (1)', async () => {
      const { code, stderr } = await cli(['train', '--config', space.at('absent.yaml')]);
      expect(code).to.equal(1);
      expect(stderr).to.match(/^adaptune: E_FILE: .*absent\.yaml/);
    });

    it('gives required options and others; a flag wins over it', async () => {
      const { model } = space;
      const rows = 'text\nfirst\nsecond\n';
      const yaml = space.write('predict.yaml', 'top-k: 2\ntext: body # overruled\n');
      const json = space.write('evaluate.json', JSON.stringify({ data: space.train, threads: 1 }));
      const data = space.write('two.csv', rows);
      const [predicted, evaluated] = await Promise.all([
        cli(['predict', model, data, '--config', yaml, '--text', 'text', '--json']),
        cli(['evaluate', model, '--config', json, '--json']),
      ]);
      const { predictions } = oneObject(predicted.stdout) as { predictions: unknown[][] };
      expect(predictions.map((best) => best.length)).to.deep.equal([2, 2]);
      expect(oneObject(evaluated.stdout)).to.include({ rows: 56 });
      const one = await cli(['predict', model, data, '--config', yaml, '--text', 'text', '--top-k', '1', '--json']);
      expect((oneObject(one.stdout) as { predictions: unknown[][] }).predictions[0]).to.have.length(1);
    });
  });
});
