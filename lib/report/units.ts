/** What trained: a map of the units, what their scores are made of, and how steady the selection is. */
import { importanceName, type Details, type ReportedUnits, type Summary } from './data.js';
import { briefName, counted, orDash, percent, two } from './figures.js';
import { element, type Markup } from './html.js';
import { isDark, label, rect, ROW, shade, svg, tip, WIDTH } from './svg.js';
import { figure, tableOf, type Cell } from './tables.js';
import { componentPlots } from './unit-plots.js';

const LEFT = 70;
/** Above the rows: names of the columns, and the scale. */
const HEAD = 58;
/** Where there are no scores: selected or not. */
const [CHOSEN, OTHERS] = [shade(0.6), '#f3f3f3'];

const fillOf = (score: number | undefined, selected: boolean) =>
  score === undefined ? (selected ? CHOSEN : OTHERS) : shade(score);

/** A row for each layer, the top one first: attention groups, then the neurons together. */
function unitMap({ plan }: Summary, units: ReportedUnits | null, sizes: Details['sizes']): Markup {
  const top = plan.layers.length - 1;
  const cell = Math.min(30, Math.floor((WIDTH / 2 - LEFT) / sizes.groups));
  const bars = LEFT + cell * sizes.groups + 40;
  const room = WIDTH - bars - 150;
  const yOf = (layer: number) => HEAD + ROW * (top - layer);
  const rows = plan.layers.flatMap(({ groups, neurons }, l) => {
    const y = yOf(l);
    const chosen = new Set(groups);
    const heads = Array.from({ length: sizes.groups }, (_, h) => {
      const score = units?.groups.score[l]?.[h];
      const told = score === undefined ? '' : `, score ${two(score)}`;
      const title = tip(`layer ${l}, head ${h}${told}${chosen.has(h) ? ', trained' : ''}`);
      return rect(LEFT + cell * h + 1, y + 2, cell - 2, ROW - 4, { fill: fillOf(score, chosen.has(h)) }, title);
    });
    const marks = groups.map((h) => rect(LEFT + cell * h + 1, y + 2, cell - 2, ROW - 4, { class: 'edge' }));
    const selected = units?.neurons.layers[l]?.selected ?? undefined;
    const width = Number(((room * neurons.length) / sizes.neurons).toFixed(1));
    return [
      label(LEFT - 8, y + ROW / 2 + 4, 'end', `layer ${l}`),
      ...heads,
      ...marks,
      rect(bars, y + 2, room, ROW - 4, { fill: OTHERS }),
      ...(neurons.length > 0 ? [rect(bars, y + 2, width, ROW - 4, { fill: fillOf(selected, true) })] : []),
      label(bars + room + 8, y + ROW / 2 + 4, 'start', `${counted(neurons.length)} of ${counted(sizes.neurons)}`),
    ];
  });
  const every = Math.max(1, Math.ceil(14 / cell));
  const numbers = Array.from({ length: sizes.groups }, (_, h) => h)
    .filter((h) => h % every === 0)
    .map((h) => label(LEFT + cell * (h + 0.5), HEAD - 6, 'middle', String(h)));
  return svg(
    yOf(0) + ROW + 6,
    'map of the trained units',
    ...(units ? scale() : []),
    label(LEFT, HEAD - 24, 'start', sizes.groups > 1 ? 'attention heads' : 'attention'),
    ...numbers,
    label(bars, HEAD - 6, 'start', 'neurons trained'),
    ...rows,
  );
}

function scale(): Markup[] {
  const [from, step] = [WIDTH - 200, 16];
  return Array.from({ length: 11 }, (_, i) => {
    const value = i / 10;
    const kind = isDark(value) ? 'small light' : 'small';
    const box = rect(from + step * i, 4, step, 14, { fill: shade(value) });
    const ends = i % 5 === 0 ? [[value === 0.5 ? '.5' : String(value), from + step * (i + 0.5)] as const] : [];
    return element(
      'g',
      {},
      box,
      ...ends.map(([text, x]) => element('text', { x, y: 15, 'text-anchor': 'middle', class: kind }, text)),
    );
  }).concat(label(from - 8, 15, 'end', 'score'));
}

/** What two selections of as many units of each layer share when both are drawn by lot; null where none is selected. */
function chance(selected: readonly number[], count: number): number | null {
  const both = selected.reduce((sum, n) => sum + (n * n) / count, 0);
  const each = selected.reduce((sum, n) => sum + n, 0);
  return each === 0 ? null : both / (2 * each - both);
}

function steadiness(summary: Summary, sizes: Details['sizes']): Markup[] {
  const { plan, metrics } = summary;
  const { diagnostics } = metrics;
  if (!diagnostics) return [];
  const { spearman, jaccard } = diagnostics;
  const line = (name: string, kind: 'groups' | 'neurons'): Cell[] => {
    const lot = chance(
      plan.layers.map((layer) => layer[kind].length),
      sizes[kind],
    );
    const overlap = lot === null ? null : jaccard[kind];
    const { dispersion, gradient } = spearman[kind];
    return [name, ...[dispersion, gradient, overlap, lot].map((value) => orDash(value, two))];
  };
  return [
    element('h3', {}, 'What the score follows, and how steady it is'),
    element(
      'p',
      { class: 'note' },
      'Rank correlation (Spearman) of the score with its two parts; overlap (Jaccard) of what each half of the calibration texts would have selected, beside that of two draws by lot. Under 0.6 of the weights a selection is mostly noise.',
    ),
    tableOf({
      head: ['', 'with dispersion', `with ${importanceName(summary)}`, 'overlap of halves', 'by chance'],
      rows: [
        line('attention heads', 'groups'),
        line('neurons', 'neurons'),
        ['weights of both', '', '', two(jaccard.weights), ''],
      ],
    }),
  ];
}

/** One sentence on what of the encoder trained. */
function trainedText({ plan, metrics, tokens }: Summary): string {
  const { lora } = metrics;
  const rows = tokens.length > 0 ? `, the rows of ${counted(tokens.length)} new tokens in their phase,` : '';
  const layers = plan.layers.length;
  const how = lora
    ? `low-rank adapters (rank ${lora.rank}, alpha ${lora.alpha}, dropout ${lora.dropout}) on ${briefName(lora.targets.join(', '))} of every layer, now part of the weights`
    : metrics.encoder_trainable === 0
      ? 'nothing of the encoder'
      : metrics.encoder_trainable === metrics.encoder_parameters
        ? `every weight of the encoder${plan.embeddings ? ' and the embeddings' : ''}`
        : `${percent(metrics.encoder_trainable / metrics.encoder_parameters)} of the encoder’s matrix weights, in layers ${metrics.floor} to ${layers - 1}`;
  return (
    `The head${rows} and ${how}: ${counted(metrics.trainable)} of ${counted(metrics.parameters)} parameters. ` +
    `Peak rates: encoder ${rate(metrics.lr)}, head ${rate(metrics.head_lr)}${tokens.length > 0 ? `, new rows ${rate(metrics.token_lr)}` : ''}.`
  );
}

const rate = (value: number) => String(Number(value.toPrecision(3)));

export function unitsSection(summary: Summary, { units, sizes }: Details): Markup {
  const { metrics } = summary;
  const part = metrics.encoder_trainable > 0 && metrics.encoder_trainable < metrics.encoder_parameters && !metrics.lora;
  const explained = units
    ? 'Heads are coloured by their score, trained ones have an orange edge. A bar is as long as many of the layer’s neurons train, coloured by their mean score. A score is a percentile among all heads, or among all neurons.'
    : 'Dark: trained.';
  return element(
    'section',
    {},
    element('h2', {}, 'What trained'),
    element('p', {}, trainedText(summary)),
    ...(part ? [figure(unitMap(summary, units, sizes), explained)] : []),
    ...(part && units ? componentPlots(summary, units) : []),
    ...(part ? steadiness(summary, sizes) : []),
  );
}
