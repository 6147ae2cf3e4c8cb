/** What mining did to the texts: the new tokens, and lengths before and after merging. */
import type { Details, Summary } from './data.js';
import { brief, briefName, counted, orDash, percent, two } from './figures.js';
import { element, type Markup } from './html.js';
import { across, along, axisOf, AXIS, axis, colour, dot, label, rect, RIGHT, svg, ticks, tip, WIDTH } from './svg.js';
import { figure, tableOf, type Cell } from './tables.js';

/** A connection with a label above this q-value is as likely chance as not: not shown. */
const Q_SHOWN = 0.05;
const HEIGHT = 260;
const LEFT = 56;
const GREY = '#b5b5b5';

function histogram({ lengths }: Details, merging: boolean): Markup {
  const { width, base, merged } = lengths;
  const top = 34;
  const bottom = HEIGHT - AXIS;
  const x = axisOf(ticks(0, width * base.length), LEFT, WIDTH - RIGHT);
  const y = axis([0, ...base, ...merged], bottom, top);
  const bar = (counts: readonly number[], inset: number, fill: string, name: string) =>
    counts.flatMap((count, i) => {
      if (count === 0) return [];
      const [from, to] = [x.at(width * i), x.at(width * (i + 1))];
      const side = inset * (to - from);
      const title = `${name}: ${counted(count)} texts of ${width * i}${width > 1 ? ` to ${width * (i + 1) - 1}` : ''} tokens`;
      const [left, wide, above] = [from + side + 0.5, to - from - 2 * side - 1, y.at(count)];
      return [rect(round(left), above, round(wide), round(bottom - above), { fill }, tip(title))];
    });
  const key = (at: number, fill: string, name: string) => [dot(at, 12, 5, fill), label(at + 10, 16, 'start', name)];
  return svg(
    HEIGHT,
    'lengths of the training texts',
    ...across(x, bottom, 'tokens of a text, specials included', top),
    ...along(y, LEFT, WIDTH - RIGHT),
    ...bar(base, 0, GREY, 'before'),
    ...(merging ? bar(merged, 0.25, colour(0), 'after') : []),
    ...key(LEFT + 5, GREY, merging ? 'before merging' : 'training texts'),
    ...(merging ? key(LEFT + 145, colour(0), 'after merging') : []),
  );
}

const round = (value: number) => Number(value.toFixed(2));

const contextOf = ({ before, phrase, after }: NonNullable<Details['examples'][number]>) => [
  brief(before, 100),
  element('mark', {}, brief(phrase, 200)),
  brief(after, 100),
];

function associationCells(association: Summary['tokens'][number]['association']): string[] {
  const { label: name = '', share = null, base = null, q = null } = association ?? {};
  // The share is of texts that had no part in choosing the label.
  if (share === null || base === null || q === null || q > Q_SHOWN || share <= base) return ['', '', ''];
  return [briefName(name), percent(share, 0), percent(base, 0)];
}

function tokensTable({ tokens }: Summary, { examples }: Details): Markup {
  const rows = examples.map((example, i): Cell[] => {
    const { phrase, support, uses, pplU, saved, association } = tokens[i]!;
    return [
      briefName(phrase),
      counted(support),
      counted(uses),
      orDash(pplU, two),
      counted(saved),
      ...associationCells(association),
      example === null ? '' : element('span', {}, ...contextOf(example)),
    ];
  });
  return tableOf({
    head: [
      'token',
      'texts',
      'uses',
      'PPL_u',
      'pieces saved',
      'goes with',
      'of its texts',
      'of all texts',
      'for example',
    ],
    rows,
    words: [0, 5, 8],
  });
}

export function textsSection(summary: Summary, details: Details): Markup {
  const { tokens, metrics, maxLength } = summary;
  const { means, truncated } = details.lengths;
  const merging = tokens.length > 0;
  const lengths = merging
    ? `A training text has ${means.base.toFixed(1)} tokens before merging and ${means.merged.toFixed(1)} after it, on average: ${percent(metrics.length_ratio)}.`
    : `A training text has ${means.base.toFixed(1)} tokens on average.`;
  const cut =
    truncated > 0 ? ` ${counted(truncated)} ${truncated === 1 ? 'is' : 'are'} cut to ${maxLength} tokens.` : '';
  const more = tokens.length - details.examples.length;
  const found = merging
    ? [
        element('h3', {}, `${counted(tokens.length)} new tokens`),
        tokensTable(summary, details),
        ...(more > 0 ? [element('p', { class: 'note' }, `And ${counted(more)} more, in adaptune.json.`)] : []),
      ]
    : [];
  return element(
    'section',
    {},
    element('h2', {}, merging ? 'Tokens' : 'Lengths'),
    figure(histogram(details, merging), lengths + cut),
    ...found,
  );
}
