/** The report of a training run as one page that opens from disk: no script, no network. */
import { classesSection, scoredOf } from './classes.js';
import { costSection } from './cost.js';
import { learningSection } from './curves.js';
import type { Details, Summary } from './data.js';
import { brief, briefName, counted, lastPart, percent, seconds, three, two } from './figures.js';
import { element, page, type Markup } from './html.js';
import { mistakesSection } from './mistakes.js';
import { runSection } from './run-section.js';
import { STYLE } from './style.js';
import { highlights } from './tables.js';
import { textsSection } from './texts.js';
import { unitsSection } from './units.js';

function header(summary: Summary, details: Details, title: string): Markup[] {
  const { metrics, labels } = summary;
  const scores = scoredOf(summary, details);
  const { rows } = metrics;
  return [
    element('h1', {}, title),
    element(
      'p',
      { class: 'note' },
      `${labels.length} labels; ${counted(rows.train)} training, ${counted(rows.validation)} validation and ${counted(rows.test)} test texts; seed ${metrics.seed}; adaptune ${briefName(summary.adaptune)}`,
    ),
    highlights([
      [`macro-F1, ${details.scored}`, three(scores.macroF1)],
      [`accuracy, ${details.scored}`, three(scores.accuracy)],
      ...(details.scored === 'test' ? ([['macro-F1, validation', three(metrics.validation.macroF1)]] as const) : []),
      ['parameters trained', percent(metrics.trainable / metrics.parameters)],
      ['predicted cost, full = 1', two(metrics.predicted_cost)],
      ['training steps', seconds(metrics.train_s)],
    ]),
    ...metrics.notes.map((note) => element('p', { class: 'note' }, `Note: ${brief(note, 600)}`)),
  ];
}

export function trainingPage(summary: Summary, details: Details): string {
  const { metrics } = summary;
  const title = `${briefName(metrics.method)} on ${briefName(lastPart(metrics.model))}`;
  return page(
    `${title}: training report`,
    STYLE,
    ...header(summary, details, title),
    learningSection(summary, details),
    classesSection(summary, details),
    ...mistakesSection(summary, details),
    unitsSection(summary, details),
    textsSection(summary, details),
    costSection(summary, details),
    runSection(summary),
  );
}
