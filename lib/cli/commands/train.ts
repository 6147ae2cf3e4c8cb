import { train } from '../../train/job.js';
import { TRAIN_OPTIONS } from '../../train/options.js';
import type { TrainResult } from '../../train/result.js';
import type { CommandSpec } from '../command.js';
import { count, duration, note, percent, say, table } from '../output.js';
import { metricsText, tokensText } from './shared.js';

const TOKENS_SHOWN = 20;

export const command: CommandSpec<typeof TRAIN_OPTIONS, TrainResult> = {
  name: 'train',
  summary: 'Mines tokens, selects the sensitive units, finetunes them, evaluates, and saves a classifier.',
  options: TRAIN_OPTIONS,
  example:
    'adaptune train --model models/minilm-l6 --train train.csv --validation validation.csv --test test.csv --out runs/intents',
  async run({ options, signal, progress }) {
    return await train({
      ...options,
      signal,
      onProgress({ stage, done, total, loss, epoch }) {
        const detail = [
          ...(loss === undefined ? [] : [`loss ${loss.toFixed(4)}`]),
          ...(epoch === undefined ? [] : [`epoch ${epoch}`]),
        ].join(', ');
        progress.update({ stage, done, total, ...(detail === '' ? {} : { detail }) });
      },
      onNote(text) {
        progress.end();
        note(`note: ${text}`);
      },
    });
  },
  print(result) {
    const { mined, diagnostics, test, labels } = result;
    if (mined.length > 0) {
      say(`\n${mined.length} new tokens; texts are ${percent(result.length_ratio)} of their length\n`);
      say(tokensText(mined, TOKENS_SHOWN));
    }
    if (result.method === 'adapt') {
      say('\nselected units\n');
      say(
        table(
          ['layer', 'attention groups', 'neurons'],
          result.selected.map((row, l) => [l, row.groups, row.neurons]),
        ),
      );
      if (diagnostics) {
        const { spearman, jaccard } = diagnostics;
        const pair = (kind: 'groups' | 'neurons') =>
          `${kind} ${spearman[kind].dispersion.toFixed(2)} and ${spearman[kind].gradient.toFixed(2)}`;
        say(`Spearman of the score with dispersion and gradient: ${pair('groups')}, ${pair('neurons')}`);
        say(`overlap of the selections of two halves (Jaccard, weights): ${jaccard.weights.toFixed(2)}`);
      }
    }
    say(
      `\n${count(result.trainable)} of ${count(result.parameters)} parameters trained (${percent(result.trainable / result.parameters)}), ` +
        `${percent(result.encoder_trainable / result.encoder_parameters)} of the encoder's matrices; predicted cost ${percent(result.predicted_cost, 0)} of full finetuning`,
    );
    say(
      `${count(result.steps)} steps in ${duration(result.train_s)}, ${count(result.tokens_per_s)} base tokens/s; epoch ${result.chosen.epoch} saved (${result.chosen.by})`,
    );
    say(
      `validation: macro-F1 ${result.validation_macro_f1.toFixed(3)}, accuracy ${result.validation_accuracy.toFixed(3)}`,
    );
    if (test) say(`\ntest: ${metricsText(test, labels)}`);
    say(`\nsaved in ${result.out}`);
  },
};
