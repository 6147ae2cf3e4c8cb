/** From the tensors of a folder to the parameters of a model: names, shapes, then values. */
import { AdaptuneError } from '../errors.js';
import { binding } from '../native/binding.js';
import type { Dtype, ModelHandle, ParameterInfo } from '../native/binding.js';
import { show } from '../util/json.js';
import type { WeightFiles } from './model-files.js';
import type { SafetensorsFile, TensorEntry } from './safetensors.js';

export const WORD_TABLE = 'embeddings.word_embeddings.weight';
const DTYPES: ReadonlySet<string> = new Set(['F32', 'F16', 'BF16'] satisfies Dtype[]);
/** Buffers that older versions of transformers saved beside the parameters. */
const BUFFERS = new Set(['embeddings.position_ids', 'embeddings.token_type_ids']);

export interface Found {
  name: string;
  file: SafetensorsFile;
  entry: TensorEntry;
}

export interface Match {
  found: Found[];
  /** Parameters of the head that have to be made. */
  missing: string[];
  notes: string[];
}

export interface MatchOptions {
  dir: string;
  /** Rows of the word table in the folder; the parameter may have more. */
  storedRows: number;
  /** May pooler and classifier be made anew? */
  newHead: boolean;
  /** The folder's head is of another task: this class of transformers. */
  foreignHead: string | undefined;
}

/** `bert.` is dropped, and LayerNorm's gamma and beta (TensorFlow's names) are weight and bias. */
export function parameterName(tensor: string): string {
  return tensor
    .replace(/^bert\./, '')
    .replace(/LayerNorm\.gamma$/, 'LayerNorm.weight')
    .replace(/LayerNorm\.beta$/, 'LayerNorm.bias');
}

/** Checks everything before a byte is read: E_MODEL_FORMAT, E_MODEL_INCOMPLETE, E_MODEL_SHAPE. */
export function matchTensors(files: WeightFiles, parameters: readonly ParameterInfo[], options: MatchOptions): Match {
  const { dir } = options;
  const notes: string[] = [];
  const wanted = new Map(parameters.map((parameter) => [parameter.name, parameter]));
  const found = new Map<string, Found>();
  const ignored: string[] = [];
  for (const [tensor, { file, entry }] of files.tensors) {
    const name = parameterName(tensor);
    const twin = found.get(name);
    if (twin)
      throw new AdaptuneError(
        'E_MODEL_FORMAT',
        `${dir}: expected one tensor for ${name}, came ${twin.entry.name} and ${tensor}`,
      );
    if (wanted.has(name)) found.set(name, { name, file, entry });
    else if (/^(embeddings|encoder|pooler)\./.test(name) && !BUFFERS.has(name)) {
      // More layers than config.json says, adapters, relative positions: the model computes something else.
      throw new AdaptuneError(
        'E_MODEL_SHAPE',
        `${dir}: expected the tensors that config.json describes, came also ${show(tensor)}`,
      );
    } else ignored.push(tensor);
  }

  const missing: string[] = [];
  const drop = (prefix: string, why: string) => {
    const names = parameters.filter(({ name }) => name.startsWith(prefix)).map(({ name }) => name);
    if (why) notes.push(why);
    for (const name of names) found.delete(name);
    missing.push(...names);
  };
  if (options.newHead) {
    const classes = wanted.get('classifier.weight')!.shape[0]!;
    const stored = found.get('classifier.weight')?.entry.shape[0];
    if (!['pooler.dense.weight', 'pooler.dense.bias'].every((name) => found.has(name))) {
      drop('pooler.', 'the folder has no pooler: one was made at random');
    }
    if (!['classifier.weight', 'classifier.bias'].every((name) => found.has(name))) {
      drop('classifier.', `the folder has no classifier: one of ${classes} classes was made at random`);
    } else if (options.foreignHead) {
      drop(
        'classifier.',
        `the folder's classifier belongs to ${options.foreignHead}: one of ${classes} classes was made at random`,
      );
    } else if (stored !== classes) {
      drop('classifier.', `the folder's classifier has ${stored} classes: one of ${classes} was made at random`);
    } else notes.push(`training starts from the folder's classifier of ${classes} classes`);
  } else if (options.foreignHead) {
    throw new AdaptuneError(
      'E_MODEL_CONFIG',
      `${dir}: architectures: expected "BertForSequenceClassification", came ${show(options.foreignHead)}`,
    );
  }
  const made = new Set(missing);
  const absent = parameters.filter(({ name }) => !found.has(name) && !made.has(name)).map(({ name }) => name);
  if (absent.length > 0) {
    const some = [...files.tensors.keys()].slice(0, 3).map((name) => show(name));
    throw new AdaptuneError(
      'E_MODEL_INCOMPLETE',
      `${dir}: expected ${parameters.length} tensors, ${absent.length} are missing: ${namesOf(absent)}; the folder has ${files.tensors.size} (${some.join(', ')}, ...)`,
    );
  }
  for (const { name, entry } of found.values()) {
    const { shape } = wanted.get(name)!;
    const expected = name === WORD_TABLE ? [options.storedRows, shape[1]!] : shape;
    if (entry.shape.length !== expected.length || entry.shape.some((size, i) => size !== expected[i])) {
      throw new AdaptuneError(
        'E_MODEL_SHAPE',
        `${dir}: ${entry.name}: expected shape ${show(expected)} by config.json, came ${show(entry.shape)}`,
      );
    }
    if (!DTYPES.has(entry.dtype)) {
      throw new AdaptuneError(
        'E_MODEL_FORMAT',
        `${dir}: ${entry.name}: expected ${[...DTYPES].join(', ')}, came ${entry.dtype}`,
      );
    }
  }
  if (ignored.length > 0) notes.push(`ignored tensors: ${namesOf(ignored)}`);
  return { found: [...found.values()], missing, notes };
}

/** The first few names of a list. */
function namesOf(names: readonly string[]): string {
  const more = names.length > 8 ? `, ... (${names.length})` : '';
  return names.slice(0, 8).join(', ') + more;
}

/** Bytes read and passed to native code at once. */
const PIECE = 1 << 23;

export async function copyTensors(handle: ModelHandle, tensors: readonly Found[]): Promise<void> {
  for (const { name, file, entry } of tensors) {
    const matrix = entry.shape.length === 2;
    const rows = matrix ? entry.shape[0]! : 1;
    const cols = entry.shape.at(-1)!;
    const step = Math.max(1, Math.floor(PIECE / (entry.bytes / rows)));
    for (let row = 0; row < rows; row += step) {
      const bytes = await file.read(entry, row * cols, Math.min(step, rows - row) * cols);
      await binding()
        .setParameter(handle, name, entry.dtype as Dtype, bytes, row)
        .catch((error: unknown) => {
          if (!(error instanceof AdaptuneError && error.code === 'E_MODEL_VALUE')) throw error;
          throw new AdaptuneError(error.code, `${file.path}: ${error.message}`, { cause: error });
        });
    }
  }
}
