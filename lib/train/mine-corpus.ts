/** `mine`: the tokens that `train` would add to a model's vocabulary, for a person to read and edit. */
import { requireModelFolder } from '../model/model-files.js';
import { Tokenizer } from '../model/tokenizer.js';
import { readTexts } from '../util/data.js';
import { requireObject, resolveOptions, type OptionsOf } from '../util/options.js';
import { mineTokens, type MineTokensInput, type MineTokensResult } from './mine.js';
import { MINE_OPTIONS } from './mine-options.js';
import { isScratch, scratchSize, scratchTokenizer } from './scratch.js';
import { checkTypes, type LabelledTexts } from './labelled-texts.js';

export type MineOptions = Omit<OptionsOf<typeof MINE_OPTIONS>, 'train'> & {
  /** A file, or texts in memory; labels are optional. */
  train: string | (Pick<LabelledTexts, 'texts'> & Partial<LabelledTexts>);
} & Pick<MineTokensInput, 'signal' | 'onProgress'>;

export async function mine(input: MineOptions): Promise<MineTokensResult> {
  const { signal, onProgress, train: source, ...rest } = requireObject(input, 'mine');
  if (typeof source === 'object') checkTypes('train', source, { labels: 'optional' });
  const options = resolveOptions(MINE_OPTIONS, {
    ...rest,
    train: typeof source === 'object' ? 'texts in memory' : source,
  });
  if (isScratch(options.model)) scratchSize(options.model);
  else await requireModelFolder(options.model);
  const columns = { text: options.text, label: options.label };
  const data = typeof source === 'string' ? await readTexts(source, { ...columns, labels: 'optional' }) : source;
  const more =
    options.unlabelled === null
      ? null
      : (await readTexts(options.unlabelled, { text: options.text, labels: 'none' })).texts;
  const tokenizer = isScratch(options.model)
    ? scratchTokenizer(options.model, [...data.texts, ...(more ?? [])])
    : await Tokenizer.load(options.model);
  return mineTokens({
    texts: data.texts,
    labels: data.labels ?? null,
    unlabelled: more,
    tokenizer,
    options,
    signal,
    onProgress,
  });
}
