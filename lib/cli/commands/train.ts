import { presetText } from '../../train/presets.js';
import { TRAIN_OPTIONS } from '../../train/options.js';
import type { TrainResult } from '../../train/result.js';
import type { TrainEvent } from '../../train/run.js';
import { escapeControls } from '../../util/terminal.js';
import type { CommandSpec } from '../command.js';
import { count, duration, note, percent, say } from '../output.js';
import { share, type Progress } from '../progress.js';
import { table } from '../table.js';
import { metricsText, tokensText } from './shared.js';

const TOKENS_SHOWN = 20;
const STEP_STAGES: ReadonlySet<TrainEvent['stage']> = new Set(['tokens', 'units']);

function progressOf({ stage, done, total, loss, epoch, cached = 0 }: TrainEvent): Progress {
  const detail = [
    ...(loss === undefined ? [] : [`loss ${loss.toFixed(4)}`]),
    ...(epoch === undefined ? [] : [`epoch ${epoch}`]),
    ...(cached > 0 ? ['prefix cached'] : []),
  ].join(', ');
  // Mining tells its share, 0 to 1.
  const counted = stage === 'mine' ? share(done) : { done, total, unit: STEP_STAGES.has(stage) ? 'steps' : 'texts' };
  return { stage, ...counted, ...(detail === '' ? {} : { detail }) };
}

export const command: CommandSpec<typeof TRAIN_OPTIONS, TrainResult> = {
  name: 'train',
  summary: 'Mines tokens, selects units, finetunes them, evaluates, and saves a classifier.',
  options: TRAIN_OPTIONS,
  example: 'adaptune train --model models/minilm-l6 --train train.csv --test test.csv --out runs/intents',
  async run({ options, signal, progress }) {
    const { train } = await import('../../train/job.js');
    return train({
      ...options,
      signal,
      onProgress: (event) => progress.update(progressOf(event)),
      onEpoch: ({ epoch, loss, macroF1, accuracy }) => {
        progress.end();
        note(
          `epoch ${epoch} of ${options.epochs}: training loss ${loss.toFixed(4)}, ` +
            `validation macro-F1 ${macroF1.toFixed(3)}, accuracy ${accuracy.toFixed(3)}`,
        );
      },
      onNote: (text) => progress.note(`note: ${escapeControls(text)}`),
    });
  },
  print(result) {
    const { mined, diagnostics, test, labels, preset } = result;
    if (preset !== null) say(`\npreset ${preset}: ${presetText(preset)}, where nothing else was given`);
    if (mined.length > 0) {
      say(`\n${mined.length} new tokens; texts are ${percent(result.length_ratio)} of their length\n`);
      say(tokensText(mined, TOKENS_SHOWN));
    }
    if (result.lora) {
      const { rank, alpha, dropout, targets } = result.lora;
      say(`\nadapters of rank ${rank}, alpha ${alpha} and dropout ${dropout} on ${targets.join(', ')}, merged`);
    } else if (result.encoder_trainable > 0 && result.encoder_trainable < result.encoder_parameters) {
      say('\nselected units\n');
      say(
        table(
          ['layer', 'attention groups', 'neurons'],
          result.selected.map((row, l) => [l, row.groups, row.neurons]),
        ),
      );
      if (diagnostics) {
        const { spearman, jaccard } = diagnostics;
        const figure = (r: number | null) => r?.toFixed(2) ?? 'none';
        const pair = (kind: 'groups' | 'neurons') =>
          `${kind} ${figure(spearman[kind].dispersion)} and ${figure(spearman[kind].gradient)}`;
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
    if (result.cached_texts > 0) {
      const passes = percent(result.cached_texts / (result.epochs * result.rows.train), 0);
      say(`${passes} of the passes began at layer ${result.floor}, from ${result.prefix_cache_mb} MiB of kept states`);
    }
    say(
      `validation: macro-F1 ${result.validation_macro_f1.toFixed(3)}, accuracy ${result.validation_accuracy.toFixed(3)}`,
    );
    if (test) say(`\ntest: ${metricsText(test, labels)}`);
    say(`\nsaved in ${escapeControls(result.out)}; adaptune predict labels texts with it, report.html tells of it`);
  },
};
