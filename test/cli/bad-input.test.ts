/**
 * Bad input as a new user brings it: data, labels, models, options, disks. Each gets one coded line that says what was
 * expected and what came, exit 1 or 2, and leaves behind nothing that was not there.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { ErrorCode } from '../../lib/errors.js';
import { Classifier, evaluate, mine, train as trainModel } from '../../lib/index.js';
import { CheckpointStore } from '../../lib/train/checkpoint.js';
import { setFaultPlan, type FaultPlan } from '../../lib/util/files.js';
import { sha256 } from '../../lib/util/hash.js';
import { MODEL_FILES } from '../../lib/model/saved-model.js';
import { sampleTexts } from '../train/sample-corpus.js';
import { cli, inPairs, jsonl, LABELS, MAIN, ok, oneObject, TINY, trainedModel, workspace } from './cli.js';
import { failure } from '../helpers/failure.js';

interface Case {
  name: string;
  /** Writes into the case's own folder what `argv` names. */
  arrange?: (folder: string, model: string) => void;
  /** F: the case's folder, M: the trained model, T: its training texts. Nothing may come to be at F/out. */
  argv: string;
  code: ErrorCode;
  exit: 1 | 2;
  message: RegExp;
}

const TRAIN = TINY.join(' ');
/** The same with a model folder. */
const TRAIN_FROM = 'train --epochs 1 --min-support 2 --min-uses 2 --threads 1 --train T --out F/out --model';

/** A file of training texts. */
const data = (
  name: string,
  file: string,
  contents: string | Uint8Array,
  message: RegExp,
  code: ErrorCode = 'E_DATA',
): Case => ({
  name,
  arrange: (folder) => writeFileSync(join(folder, file), contents),
  argv: `train ${TRAIN} --train F/${file} --out F/out`,
  code,
  exit: 1,
  message,
});

function copyModel(from: string, to: string, names: readonly string[]): void {
  mkdirSync(to);
  for (const name of names) copyFileSync(join(from, name), join(to, name));
}

/** A model to start from, as from a hub, with something spoilt. */
const base = (name: string, spoil: (dir: string) => void, code: ErrorCode, message: RegExp): Case => ({
  name,
  arrange: (folder, model) => {
    copyModel(model, join(folder, 'base'), MODEL_FILES);
    spoil(join(folder, 'base'));
  },
  argv: `${TRAIN_FROM} F/base`,
  code,
  exit: 1,
  message,
});

/** A finished model with something spoilt. */
const saved = (name: string, spoil: (dir: string) => void, code: ErrorCode, message: RegExp): Case => ({
  name,
  arrange: (folder, model) => {
    copyModel(model, join(folder, 'saved'), [...MODEL_FILES, 'adaptune.json']);
    spoil(join(folder, 'saved'));
  },
  argv: 'predict F/saved T --out F/out.csv',
  code,
  exit: 1,
  message,
});

type Json = Record<string, unknown>;
function editJson(path: string, edit: (json: Json) => void): void {
  const json = JSON.parse(readFileSync(path, 'utf8')) as Json;
  edit(json);
  writeFileSync(path, JSON.stringify(json));
}
const config = (change: Json) => (dir: string) =>
  editJson(join(dir, 'config.json'), (json) => Object.assign(json, change));
const tokenizer = (change: Json) => (dir: string) =>
  editJson(join(dir, 'tokenizer.json'), (json) => Object.assign(json, change));
const without = (name: string) => (dir: string) => rmSync(join(dir, name));
const cut = (name: string, bytes: number) => (dir: string) => truncateSync(join(dir, name), bytes);

/** Changes the safetensors header, lengths kept right. */
const header = (edit: (text: string) => string) => (dir: string) => {
  const path = join(dir, 'model.safetensors');
  const bytes = readFileSync(path);
  const length = Number(bytes.readBigUInt64LE(0));
  const text = Buffer.from(edit(bytes.toString('utf8', 8, 8 + length)));
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(text.length));
  writeFileSync(path, Buffer.concat([size, text, bytes.subarray(8 + length)]));
};
const patch = (at: number, bytes: Uint8Array) => (dir: string) => {
  const path = join(dir, 'model.safetensors');
  const file = readFileSync(path);
  file.set(bytes, at < 0 ? file.length + at : at);
  writeFileSync(path, file);
};

const row = (text: string, label: string) => `${JSON.stringify({ text, label })}\n`;
const GOOD = row('pump leaks', 'a') + row('valve jams', 'b');
const UNSEEN = row('fine', '10') + row('odd', 'toString') + row('new', 'valueOf') + row('new too', 'valueOf');
const UNSEEN_MESSAGE =
  /F\/other\.jsonl: expected only the 7 labels that were trained \(.*, \.\.\.\), came "toString" \(line 2\), "valueOf" \(2 rows, the first at line 3\)$/;
const other = (folder: string) => writeFileSync(join(folder, 'other.jsonl'), UNSEEN);

const CASES: Case[] = [
  // Data
  {
    name: 'absent file',
    argv: `train ${TRAIN} --train F/no.csv --out F/out`,
    code: 'E_FILE',
    exit: 1,
    message: /ENOENT/,
  },
  data('empty file', 'x.jsonl', '', /x\.jsonl: expected at least one row, came none$/),
  data('a header alone', 'x.csv', 'text,label\n', /expected at least one row, came none$/),
  data('blank lines', 'x.jsonl', '\n\r\n\n', /expected at least one row, came none$/),
  data(
    'broken JSON',
    'x.jsonl',
    `${GOOD}\n{"text": "a", "label": }\n`,
    /x\.jsonl: line 4: expected a JSON object, came invalid JSON: /,
  ),
  data('a list', 'x.jsonl', `${GOOD}["a"]\n`, /line 3: expected a JSON object, came \["a"\]$/),
  data(
    'Latin-1',
    'x.csv',
    Buffer.from('text,label\nfine,a\ncaf\xe9,b\n', 'latin1'),
    /line 3: expected UTF-8 text, came other bytes at byte 3 of the line$/,
  ),
  data('UTF-16', 'x.csv', Buffer.from('\ufefftext,label\n', 'utf16le'), /line 1: .* came UTF-16 \(save it as UTF-8\)$/),
  data('gzip', 'x.jsonl', Uint8Array.of(0x1f, 0x8b, 8, 0, 10), /line 1: .* came a gzip file \(unpack it first\)$/),
  data('a sheet', 'x.csv', 'PK\x03\x04', /came a zip archive or Excel sheet \(save it as CSV, UTF-8\)$/),
  data('another format', 'x.xlsx', 'PK\x03\x04', /expected a file named \.jsonl, \.csv or \.tsv, came \.xlsx$/),
  data(
    'a column with another name',
    'x.csv',
    'sentence,class\na,b\n',
    /x\.csv: line 1: expected a column "text", came "sentence", "class"; --text names the column$/,
  ),
  data('semicolons', 'x.csv', 'text;label\na;b\n', /line 1: expected CSV, came columns separated by semicolons$/),
  data(
    'a row without label',
    'x.jsonl',
    `${GOOD}{"text":"a"}\n`,
    /line 3: expected a column "label", came "text"; --label names the column$/,
  ),
  data('an open quote', 'x.csv', 'text,label\n"a,b\nc,d\n', /line 2: expected CSV, came a quote that is never closed$/),
  data('a quote within', 'x.csv', 'text,label\na "b" c,d\n', /line 2: expected CSV, came a misplaced quote/),
  data('a cell too many', 'x.csv', 'text,label\na,b,c\n', /line 2: expected 2 columns, came 3$/),
  data('an empty text', 'x.csv', 'text,label\na,b\n ,c\n', /line 3: expected a text, came an empty one$/),
  data(
    'an empty label',
    'x.csv',
    'text,label\na,b\nc,\n',
    /line 3: expected a label in column "label", came an empty one$/,
  ),
  data(
    'one label only',
    'x.jsonl',
    row('a', 'x') + row('b', 'x'),
    /x\.jsonl: expected at least two different labels, came only "x"$/,
    'E_LABELS',
  ),
  data('too few rows', 'x.jsonl', GOOD, /x\.jsonl: expected enough training texts .* came 2: give a validation file$/),
  {
    name: 'a folder as data',
    arrange: (folder) => mkdirSync(join(folder, 'x.csv')),
    argv: `train ${TRAIN} --train F/x.csv --out F/out`,
    code: 'E_FILE',
    exit: 1,
    message: /x\.csv: expected a readable file, came EISDIR/,
  },
  ...['--validation', '--test'].map((part): Case => {
    const argv = `train ${TRAIN} --train T ${part} F/other.jsonl --out F/out`;
    return { name: `unseen labels, ${part}`, arrange: other, argv, code: 'E_LABELS', exit: 1, message: UNSEEN_MESSAGE };
  }),
  {
    name: 'unseen labels, evaluate',
    arrange: other,
    argv: 'evaluate M --data F/other.jsonl',
    code: 'E_LABELS',
    exit: 1,
    message: UNSEEN_MESSAGE,
  },
  {
    name: 'a token list that is no list',
    arrange: (folder) => writeFileSync(join(folder, 'tokens.json'), '{\n"chosen": [\n]'),
    argv: `train ${TRAIN} --train T --tokens F/tokens.json --out F/out`,
    code: 'E_DATA',
    exit: 1,
    message: /tokens\.json: expected valid JSON, came .* \(line 3(?: column \d+)?\)$/,
  },
  {
    name: 'stop words in Latin-1',
    arrange: (folder) => writeFileSync(join(folder, 'stop.txt'), Buffer.from('\xe9', 'latin1')),
    argv: `train ${TRAIN} --train T --stop-words F/stop.txt --out F/out`,
    code: 'E_FILE',
    exit: 1,
    message: /stop\.txt: expected UTF-8 text, came other bytes at byte 0$/,
  },

  // Options that only the model shows to be wrong
  {
    name: 'a misspelt option',
    argv: 'train --epoch 3',
    code: 'E_ARGUMENT',
    exit: 2,
    message: /^unknown option --epoch; did you mean --epochs\?/,
  },
  {
    name: 'too long',
    argv: `train ${TRAIN} --train T --out F/out --max-length 513`,
    code: 'E_ARGUMENT',
    exit: 2,
    message: /^expected at most 512, .* for maxLength \(--max-length\) but received 513$/,
  },
  {
    name: 'too long for a folder',
    argv: `${TRAIN_FROM} M --max-length 513`,
    code: 'E_ARGUMENT',
    exit: 2,
    message: /^expected at most 512/,
  },
  {
    name: 'a budget below a unit',
    argv: `train ${TRAIN} --train T --out F/out --budget 1e-4`,
    code: 'E_ARGUMENT',
    exit: 2,
    message: /^expected at least 0\.0208\d+, .* for budget \(--budget\) but received 0\.0001$/,
  },
  {
    name: 'a name on a hub',
    argv: `${TRAIN_FROM} bert-base-uncased`,
    code: 'E_FILE',
    exit: 1,
    message:
      /^bert-base-uncased: expected a model folder or scratch:tiny\|mini\|small, came nothing there \(a model of a hub/,
  },

  // Models to start from
  base(
    'no weights',
    without('model.safetensors'),
    'E_MODEL_INCOMPLETE',
    /base: expected model\.safetensors, came no weights$/,
  ),
  base(
    '.bin only',
    (dir) => renameSync(join(dir, 'model.safetensors'), join(dir, 'pytorch_model.bin')),
    'E_MODEL_FORMAT',
    /came pytorch_model\.bin, .* convert it once: python -c ".*save_pretrained.*" ".*base"$/,
  ),
  base(
    'a pointer of Git LFS',
    (dir) => writeFileSync(join(dir, 'model.safetensors'), 'version https://git-lfs.github.com/spec/v1\n'),
    'E_MODEL_FORMAT',
    /came a pointer of Git LFS \(git lfs pull fetches the file\)$/,
  ),
  base(
    'truncated weights',
    cut('model.safetensors', 100_000),
    'E_MODEL_FORMAT',
    /model\.safetensors: expected \d+ bytes of tensors, came \d+$/,
  ),
  base(
    'a truncated header',
    cut('model.safetensors', 100),
    'E_MODEL_FORMAT',
    /expected a header of 1 to 92 bytes, came \d+$/,
  ),
  base(
    'a huge header',
    patch(0, Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0x80)),
    'E_MODEL_FORMAT',
    /came 9223372036854775808$/,
  ),
  base(
    'overlapping tensors',
    header((text) =>
      text
        .replace(/"data_offsets":\[\d+,(\d+)\]/, '"data_offsets":[0,$1]')
        .replace(/("data_offsets":\[)(\d+)(,\d+\]\}\})/, '$10$3'),
    ),
    'E_MODEL_FORMAT',
    /model\.safetensors: /,
  ),
  base(
    'a tensor twice',
    header((text) => text.replace(/("classifier\.bias":\{[^}]*\})/, '$1,$1')),
    'E_MODEL_FORMAT',
    /model\.safetensors: .*"classifier\.bias" twice/,
  ),
  base(
    'a shape too large',
    header((text) => text.replace(/"shape":\[(\d+),(\d+)\]/, '"shape":[9007199254740991,9007199254740991]')),
    'E_MODEL_FORMAT',
    /model\.safetensors: /,
  ),
  base(
    'NaN in weights',
    patch(-4, new Uint8Array(Float32Array.of(NaN).buffer)),
    'E_MODEL_VALUE',
    /base\/model\.safetensors: expected finite values in /,
  ),
  base(
    'another width',
    config({ hidden_size: 96 }),
    'E_MODEL_SHAPE',
    /expected shape \[96\] by config\.json, came \[128\]$/,
  ),
  base(
    'more layers than config.json says',
    config({ num_hidden_layers: 1 }),
    'E_MODEL_SHAPE',
    /came also "bert\.encoder\.layer\.1\./,
  ),
  base(
    'fewer layers',
    config({ num_hidden_layers: 3 }),
    'E_MODEL_INCOMPLETE',
    /16 are missing: encoder\.layer\.2\.[^;]*, \.\.\. \(16\); the folder has 41/,
  ),
  ...['gpt2', 'modernbert', 'distilbert'].map((type) =>
    base(
      type,
      config({ model_type: type }),
      'E_MODEL_CONFIG',
      new RegExp(`config\\.json: model_type: expected "bert", came "${type}"$`),
    ),
  ),
  base(
    'gpt2 with its own tokenizer',
    (dir) => {
      config({ model_type: 'gpt2' })(dir);
      tokenizer({ model: { type: 'BPE', vocab: {}, merges: [] } })(dir);
    },
    'E_MODEL_CONFIG',
    /model_type: expected "bert", came "gpt2"$/,
  ),
  base(
    'NaN in config.json',
    (dir) => {
      const path = join(dir, 'config.json');
      writeFileSync(path, readFileSync(path, 'utf8').replace(/("hidden_dropout_prob": )[\d.]+/, '$1NaN'));
    },
    'E_MODEL_CONFIG',
    /config\.json: expected valid JSON, came Unexpected token .* \(line 6\)$/,
  ),
  base('no config.json', without('config.json'), 'E_MODEL_INCOMPLETE', /config\.json: expected a file, came none$/),
  base(
    'no tokenizer.json',
    without('tokenizer.json'),
    'E_TOKENIZER',
    /base\/tokenizer\.json: expected the file of a fast tokenizer, came nothing$/,
  ),
  base(
    'vocab.txt only',
    (dir) => renameSync(join(dir, 'tokenizer.json'), join(dir, 'vocab.txt')),
    'E_TOKENIZER',
    /came vocab\.txt, .* convert it once: python -c /,
  ),
  base(
    'a BPE tokenizer',
    tokenizer({ model: { type: 'BPE', vocab: {}, merges: [] } }),
    'E_TOKENIZER',
    /base\/tokenizer\.json: model: expected WordPiece, came "BPE"/,
  ),
  base(
    'an unknown normalizer',
    tokenizer({ normalizer: { type: 'NFKC' } }),
    'E_TOKENIZER',
    /normalizer: expected BertNormalizer.*, came "NFKC"/,
  ),
  base(
    'a regular expression',
    tokenizer({ pre_tokenizer: { type: 'Split', pattern: { Regex: '(a+)+b' }, behavior: 'Removed', invert: true } }),
    'E_TOKENIZER',
    /pre_tokenizer: expected the pattern that adaptune writes/,
  ),
  base(
    'a tokenizer of another model',
    (dir) =>
      editJson(join(dir, 'tokenizer.json'), (json) => {
        // A grown vocabulary ends with phrases: this one goes without.
        const { model } = json as { model: { vocab: Record<string, number> } };
        const entries = Object.entries(model.vocab).filter(([entry]) => !entry.includes(' '));
        entries.sort(([, a], [, b]) => a - b);
        for (let i = 0; i < 1000; i++) entries.push([`extra${i}`, 0]);
        model.vocab = Object.fromEntries(entries.map(([entry], id) => [entry, id]));
        json['pre_tokenizer'] = { type: 'BertPreTokenizer' };
        const { normalizer } = json as { normalizer: { type: string; normalizers: object[] } };
        json['normalizer'] = normalizer.type === 'Sequence' ? normalizer.normalizers[0] : normalizer;
      }),
    'E_MODEL_MISMATCH',
    /base: expected a row of the word table for each of the \d+ tokens of tokenizer\.json, came \d+$/,
  ),
  base(
    'a tokenizer.json that is a link out',
    (dir) => {
      renameSync(join(dir, 'tokenizer.json'), join(dir, '../outside.json'));
      symlinkSync('../outside.json', join(dir, 'tokenizer.json'));
    },
    'E_MODEL_FORMAT',
    /base\/tokenizer\.json: expected a file inside of the folder, came a link to .*outside\.json$/,
  ),
  base(
    'a pipe for weights',
    (dir) => {
      rmSync(join(dir, 'model.safetensors'));
      execFileSync('mkfifo', [join(dir, 'model.safetensors')]);
    },
    'E_FILE',
    /expected a regular file, came a pipe or device$/,
  ),

  // Finished models
  saved(
    'a model to start from',
    without('adaptune.json'),
    'E_MODEL_INCOMPLETE',
    /came a folder without adaptune\.json: a model to start from \(train --model\)$/,
  ),
  saved(
    'another config.json',
    config({ id2label: { '0': 'x' } }),
    'E_MODEL_MISMATCH',
    /saved\/config\.json: expected the file that was saved with this model/,
  ),
  saved('a truncated save', cut('model.safetensors', 1000), 'E_MODEL_MISMATCH', /came another \(1000 bytes\)$/),
  saved(
    'a lost file',
    without('tokenizer.json'),
    'E_MODEL_INCOMPLETE',
    /tokenizer\.json: expected a file of \d+ bytes, came nothing$/,
  ),
  saved(
    'a cut description',
    cut('adaptune.json', 300),
    'E_MODEL_INCOMPLETE',
    /adaptune\.json: expected valid JSON, came .*\)$/,
  ),
  {
    name: 'a file as model',
    argv: 'predict T T',
    code: 'E_MODEL_INCOMPLETE',
    exit: 1,
    message: /expected a model that adaptune saved, came a file$/,
  },
  {
    name: 'nothing as model',
    argv: 'evaluate F/none --data T',
    code: 'E_MODEL_INCOMPLETE',
    exit: 1,
    message: /came nothing$/,
  },
];

/** Every path below a folder with its size. */
const contents = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .map((entry) => join(entry.parentPath, entry.name))
    .map((path) => `${path} ${existsSync(path) ? statSync(path).size : 0}`)
    .toSorted();

describe('cli/bad input', function () {
  this.timeout(120_000);
  let space: Awaited<ReturnType<typeof trainedModel>>;
  /** Not the model's: other tests look at what is there. */
  const own = workspace();
  before(async () => {
    space = await trainedModel();
  });
  const newFolder = (name: string) => {
    const folder = own.at(name);
    mkdirSync(folder);
    return folder;
  };
  const argsOf = (argv: string, folder: string) =>
    argv.split(' ').map((word) =>
      word
        .replace(/^F(?=\/)/, folder)
        .replace(/^M$/, space.model)
        .replace(/^T$/, space.train),
    );

  it('gets one coded line, and leaves the disk as it was', () =>
    inPairs([...CASES.entries()], async ([index, { name, arrange, argv, code, exit, message }]) => {
      const folder = newFolder(`case-${index}`);
      arrange?.(folder, space.model);
      const before = contents(folder);
      const [command, ...rest] = argsOf(argv, folder);
      const ended = await cli([command!, '--json', ...rest]);
      expect(ended.code, `${name}\n${ended.stderr}`).to.equal(exit);
      const { error } = oneObject(ended.stdout) as { error: { code: string; message: string } };
      expect(error.code, `${name}\n${ended.stderr}`).to.equal(code);
      expect(error.message.replaceAll(folder, 'F'), name).to.match(message);
      expect(ended.stderr, name).to.match(/^adaptune: E_\w+: [^\n]+\n$/);
      expect(contents(folder), name).to.deep.equal(before);
    }));

  it('takes labels that are property names and numbers through every file and report', async () => {
    const { model, printed } = space;
    const read = (name: string) => JSON.parse(readFileSync(join(model, name), 'utf8')) as Json;
    const labels = [...LABELS].toSorted();
    expect(read('adaptune.json')['labels']).to.deep.equal(labels);
    const { id2label, label2id } = read('config.json') as Record<string, Json>;
    expect(Object.entries(id2label!)).to.deep.equal(labels.map((label, id) => [`${id}`, label]));
    expect(Object.getOwnPropertyNames(label2id).toSorted()).to.deep.equal(labels);
    for (const [id, label] of labels.entries())
      expect(Object.getOwnPropertyDescriptor(label2id, label)!.value, label).to.equal(id);

    const { test } = read('adaptune.json')['metrics'] as { test: { rows: number; perClass: Json[] } };
    const evaluated = oneObject(
      await ok(['evaluate', model, '--data', space.at('test.jsonl'), '--threads', '1', '--json']),
    ) as { labels: string[]; perClass: { label: string; support: number; predicted: number }[]; confusion: number[][] };
    expect(evaluated.perClass).to.deep.equal(test.perClass);
    expect(evaluated.labels).to.deep.equal(labels);
    expect(evaluated.perClass.map(({ label, support }) => [label, support])).to.deep.equal(
      labels.map((label) => [label, 4]),
    );
    const said = evaluated.perClass.map(({ predicted }) => predicted);
    const { predictions } = oneObject(await ok(['predict', model, space.at('test.jsonl'), '--json'])) as {
      predictions: { label: string }[][];
    };
    expect(labels.map((label) => predictions.filter(([best]) => best!.label === label).length)).to.deep.equal(said);
    expect(evaluated.confusion.map((line) => line.length)).to.deep.equal(labels.map(() => labels.length));
    for (const label of ['__proto__', 'constructor', '10', '9'])
      expect(printed.stdout, label).to.match(
        new RegExp(`^${label} +[01]\\.\\d{3} +[01]\\.\\d{3} +[01]\\.\\d{3} +4$`, 'm'),
      );
  });

  it('reads the beginning of a text of 100,000 words, and says so; an empty one too', async () => {
    const words = 'valve strainer return pump leak alarm'.split(' ');
    const long = Array.from({ length: 100_000 }, (_, i) => words[i % words.length]).join(' ');
    const texts = [long, 'x'.repeat(1_000_000), '', 'valve'];
    const file = own.write('long.jsonl', jsonl(texts.map((text) => ({ text }))));
    const labelled = own.write(
      'long-labelled.jsonl',
      jsonl(texts.filter(Boolean).map((text) => ({ text, label: '10' }))),
    );
    const said = await cli(['predict', space.model, file]);
    expect(said.stderr).to.equal('note: 2 texts are longer than the model reads, and cut to its length\n');
    expect(said.stdout.split('\n')).to.have.length(5);
    const begin = performance.now();
    const predicted = await cli(['predict', space.model, file, '--json']);
    expect(performance.now() - begin, 'milliseconds').to.be.below(10_000);
    expect(predicted.code, predicted.stderr).to.equal(0);
    const { predictions, truncated } = oneObject(predicted.stdout) as { predictions: Json[][]; truncated: number };
    expect(truncated).to.equal(2);
    expect(predictions.map(([best]) => Number.isFinite(best!['score']))).to.deep.equal([true, true, true, true]);
    expect(oneObject(await ok(['evaluate', space.model, '--data', labelled, '--json']))).to.include({
      truncated: 2,
      rows: 3,
    });
    const trained = await cli([
      'train',
      ...TINY,
      '--train',
      space.train,
      '--validation',
      labelled,
      '--out',
      own.at('long'),
    ]);
    expect(trained.code, trained.stderr).to.equal(0);
    expect(trained.stderr).to.match(/^note: 2 of 3 validation texts are longer than 128 tokens and cut to that/m);
  });

  it('stops a rate that diverges, and keeps a good checkpoint', async () => {
    const out = own.at('diverged');
    const run = [
      'train',
      ...TINY,
      '--train',
      space.train,
      '--out',
      out,
      '--batch',
      '8',
      '--lr',
      '1e6',
      '--save-every',
      '1',
    ];
    const good = async (): Promise<string> => {
      const { code, stderr } = await cli(run);
      expect(code, stderr).to.equal(1);
      const found =
        /^adaptune: E_DIVERGED: expected weights of about .* \(lr 1000000, .*The last good checkpoint, (\S+), is kept; .* begin anew with a lower rate/m;
      return found.exec(stderr)![1]!;
    };
    const name = await good();
    const checkpoints = join(out, 'checkpoints');
    const check = async () => {
      const files = JSON.parse(readFileSync(join(checkpoints, name, 'manifest.json'), 'utf8')) as {
        files: { name: string; sha256: string }[];
      };
      for (const file of files.files)
        expect(sha256(readFileSync(join(checkpoints, name, file.name)))).to.equal(file.sha256);
      for (const [tensor, values] of await new CheckpointStore(checkpoints).readTensors(name))
        expect(values.every(Number.isFinite), tensor).to.equal(true);
    };
    await check();
    expect(existsSync(join(out, 'adaptune.json'))).to.equal(false);
    expect((await cli(['predict', out, space.train])).stderr).to.match(/its training is not finished/);
    // Resumed, it goes on from the good one, comes to the same end and loses nothing.
    run.push('--resume');
    expect(await good()).to.equal(name);
    await check();
  });

  describe('disks', () => {
    const rooted = process.platform === 'linux' && spawnSync('unshare', ['-m', 'true']).status === 0;
    /** Runs a script with a small or read-only disk at $D; `adaptune` is the command. What ends badly prints its code. */
    function onDisk(options: string, script: string): string {
      const disk = newFolder(`disk-${readdirSync(own.folder).length}`);
      const text = `mount -t tmpfs -o ${options} none "$D" && adaptune() { "$NODE" "$MAIN" "$@" || echo "exit $?"; } && ${script}`;
      const env = { ...process.env, D: disk, NODE: process.execPath, MAIN, M: space.model, T: space.train };
      const ended = spawnSync('unshare', ['-m', 'sh', '-c', `exec 2>&1; ${text}`], { env, encoding: 'utf8' });
      expect(ended.status, ended.stdout).to.equal(0);
      return ended.stdout;
    }
    const train = `adaptune train ${TRAIN} --batch 8 --train "$T" --out "$D/run"`;
    // mocha shows a reason only in a title.
    const title = (text: string) => (rooted ? text : `${text} (skipped: unshare -m needs Linux and root)`);
    const test = (text: string, work: () => void) => (rooted ? it : it.skip)(title(text), work);

    test('full while training: the checkpoints before stay, and the run goes on where there is room', () => {
      // 16 MiB for what a checkpoint holds besides tensors, and 0.6 MB of these.
      const said = onDisk(
        'size=17m',
        `${train}; ls -A "$D/run/checkpoints"; mount -o remount,size=64m "$D"; echo again; ${train} --resume; ls "$D/run"`,
      );
      const [first, again] = said.split('again\n');
      expect(first).to.match(/^adaptune: E_FILE: .*: expected \d+ bytes of free space, came \d+\nexit 1$/m);
      expect(first)
        .to.match(/^stage-\d-\w+$/m)
        .and.not.match(/^\./m);
      expect(again)
        .to.match(/^saved in /m)
        .and.match(/^adaptune\.json$/m)
        .and.not.match(/^exit/m);
    });

    test('full while predictions are written: the file before stays, nothing else', () => {
      const many = own.write('many.csv', `text\n${'valve leaks again\n'.repeat(4000)}`);
      const said = onDisk(
        'size=100k',
        `echo before >"$D/out.csv"; adaptune predict "$M" '${many}' --out "$D/out.csv"; cat "$D/out.csv"; ls -A "$D"`,
      );
      expect(said).to.match(
        /^adaptune: E_FILE: .*\/out\.csv: expected room for \d+ bytes, came ENOSPC: no space left on device\nexit 1\nbefore\nout\.csv\n$/m,
      );
    });

    test('read-only', () => {
      const said = onDisk(
        'ro',
        `${train}; adaptune predict "$M" "$T" --out "$D/out.csv"; adaptune mine --train "$T" --model "$M" --out "$D/out.csv"; ls -A "$D"`,
      );
      const lines = said.split('\n').filter((line) => /^(adaptune|exit)/.test(line));
      expect(lines).to.have.length(6);
      for (const [i, line] of lines.entries())
        expect(line).to.match(i % 2 ? /^exit 1$/ : /^adaptune: E_FILE: .* came EROFS: read-only file system$/);
      expect(said.endsWith('exit 1\n'), 'nothing was made').to.equal(true);
    });

    it('as the door to the file system tells it, without root', async () => {
      const faults: Pick<FaultPlan, 'operation' | 'error'>[] = [
        { operation: 'mkdir', error: 'EROFS' },
        { operation: 'write', error: 'ENOSPC' },
        { operation: 'sync', error: 'EIO' },
        { operation: 'open', error: 'EMFILE' },
      ];
      for (const [i, fault] of faults.entries()) {
        const out = own.at(`fault-${i}`);
        setFaultPlan({ ...fault, k: 1, repeat: 'always' });
        const error = await failure(trainModel({ ...IN_MEMORY, out })).finally(() => setFaultPlan(null));
        expect(error.code, fault.error).to.equal('E_FILE');
        expect(error.message).to.contain(fault.error);
        const left = existsSync(out) ? readdirSync(out, { recursive: true }).map(String) : [];
        expect(
          left.filter((path) => !['checkpoints', 'checkpoints/lock'].includes(path)),
          fault.error,
        ).to.deep.equal([]);
        await trainModel({ ...IN_MEMORY, out });
      }
    });
  });

  it('is told to programs by the same codes', async () => {
    const { model } = space;
    const two = { texts: ['a', 'b'], labels: ['x', 'y'] };
    const out = own.at('typed');
    const cases: [ErrorCode, () => Promise<unknown>][] = [
      ['E_ARGUMENT', () => trainModel({ ...IN_MEMORY, out, epochs: 0 })],
      ['E_ARGUMENT', () => trainModel({ ...IN_MEMORY, out, epoch: 1 } as never)],
      ['E_ARGUMENT', () => trainModel({ model: 'scratch:tiny', out } as never)],
      ['E_ARGUMENT', () => trainModel({ ...IN_MEMORY, out, train: { texts: ['a'], labels: [] } })],
      ['E_ARGUMENT', () => trainModel({ ...IN_MEMORY, out, train: { texts: ['a', 3], labels: ['x', 'y'] } as never })],
      ['E_ARGUMENT', () => trainModel(null as never)],
      ['E_DATA', () => trainModel({ ...IN_MEMORY, out, train: { texts: [], labels: [] } })],
      ['E_DATA', () => trainModel({ ...IN_MEMORY, out, train: { texts: ['a', ' '], labels: ['x', 'y'] } })],
      ['E_DATA', () => trainModel({ ...IN_MEMORY, out, train: { texts: ['a', 'b'], labels: ['x', ''] } })],
      ['E_LABELS', () => trainModel({ ...IN_MEMORY, out, train: { texts: ['a', 'b'], labels: ['x', 'x'] } })],
      ['E_LABELS', () => trainModel({ ...IN_MEMORY, out, test: two })],
      ['E_LABELS', () => evaluate(model, { texts: ['a'], labels: ['toString'] })],
      ['E_ARGUMENT', () => evaluate(model, undefined as never)],
      ['E_ARGUMENT', () => evaluate(undefined as never, two)],
      ['E_ARGUMENT', () => Classifier.load(undefined as never)],
      ['E_ARGUMENT', () => Classifier.load('')],
      ['E_MODEL_INCOMPLETE', () => Classifier.load(own.folder)],
      ['E_ARGUMENT', () => mine({ model, train: { texts: 3 } } as never)],
      ['E_ARGUMENT', () => mine({ model, train: { texts: ['a'], labels: [] } })],
      ['E_ARGUMENT', () => mine(undefined as never)],
    ];
    for (const [i, [code, call]] of cases.entries()) {
      const error = await failure(call());
      expect(error.code, `${i}: ${error.message}`).to.equal(code);
      expect(error.message).to.match(/^[^\n]+$/);
    }
    expect(existsSync(out)).to.equal(false);
  });
});

const IN_MEMORY = {
  model: 'scratch:tiny',
  train: sampleTexts(40, 1),
  validation: sampleTexts(10, 2),
  method: 'frozen',
  epochs: 1,
  threads: 1,
} as const;
