/** Parts of plots as SVG inside a page: axes, lines, labels that fit. Attributes only, since the page's policy refuses inline styles. */
import { escapeControls } from '../util/terminal.js';
import { element, type Markup } from './html.js';

/** Of a plot over the whole page, in the units of its view box: pixels at full size. */
export const WIDTH = 720;
/** Room for the end of an axis. */
export const RIGHT = 30;
export const ROW = 22;
export const TOP = 12;
/** Room for the values and the title of an axis below. */
export const AXIS = 40;
/** Colours that people who see red and green alike tell apart (Okabe & Ito 2008). */
export const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#000000'] as const;
export const colour = (i: number): string => COLOURS[i % COLOURS.length]!;

/** White to dark blue, as light falls: told apart in grey and by everybody (ColorBrewer's Blues). */
const SCALE = [
  [247, 251, 255],
  [198, 219, 239],
  [107, 174, 214],
  [33, 113, 181],
  [8, 48, 107],
] as const;

/** Of 0 to 1. */
export function shade(value: number): string {
  const at = Math.min(1, Math.max(0, value)) * (SCALE.length - 1);
  const i = Math.min(SCALE.length - 2, Math.floor(at));
  const channels = SCALE[i]!.map((from, c) => Math.round(from + (at - i) * (SCALE[i + 1]![c]! - from)));
  return `#${channels.map((channel) => channel.toString(16).padStart(2, '0')).join('')}`;
}
/** Is text on `shade(value)` read better in white? */
export const isDark = (value: number): boolean => value > 0.55;

/** Four to nine round values that cover both ends. */
export function ticks(low: number, high: number): number[] {
  const span = high > low ? high - low : Math.max(Math.abs(high), 1e-3);
  const rough = span / 6;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((size) => size >= rough)!;
  const first = Math.floor(low / step + 1e-9);
  const last = Math.max(first + 1, Math.ceil(high / step - 1e-9));
  return Array.from({ length: last - first + 1 }, (_, i) => Number(((first + i) * step).toPrecision(12)));
}

export interface Axis {
  ticks: number[];
  at: (value: number) => number;
}

/** From the least to the largest value, made round; `from` and `to` in the plot's units. */
export function axis(values: readonly number[], from: number, to: number): Axis {
  let [low, high] = [Infinity, -Infinity];
  for (const value of values) {
    low = Math.min(low, value);
    high = Math.max(high, value);
  }
  return axisOf(ticks(low, high), from, to);
}

/** From the first to the last of these values. */
export function axisOf(marks: number[], from: number, to: number): Axis {
  const [low, high] = [marks[0]!, marks.at(-1)!];
  return { ticks: marks, at: (value) => Number((from + ((value - low) / (high - low)) * (to - from)).toFixed(2)) };
}

export const svg = (height: number, name: string, ...contents: Markup[]): Markup =>
  sized(WIDTH, height, name, ...contents);
export const sized = (width: number, height: number, name: string, ...contents: Markup[]): Markup =>
  element('svg', { viewBox: `0 0 ${width} ${height}`, width, height, role: 'img', 'aria-label': name }, ...contents);
export const line = (x1: number, y1: number, x2: number, y2: number, kind: string): Markup =>
  element('line', { x1, y1, x2, y2, class: kind });
export const dot = (
  cx: number,
  cy: number,
  r: number,
  fill: string,
  more: Record<string, number | string> = {},
): Markup => element('circle', { cx, cy, r, fill, ...more });
export const rect = (
  x: number,
  y: number,
  width: number,
  height: number,
  more: Record<string, number | string>,
  ...contents: Markup[]
): Markup => element('rect', { x, y, width, height, ...more }, ...contents);
export const tip = (text: string): Markup => element('title', {}, text);

type Anchor = 'start' | 'middle' | 'end';
export const label = (x: number, y: number, anchor: Anchor, value: string, ...more: Markup[]): Markup =>
  element('text', { x, y, 'text-anchor': anchor }, value, ...more);

/** Scripts and pictures that are about as wide as high. */
const WIDE = /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\u{1f000}-\u{3fffd}]/u;
/** Drawn over the character before them. */
const MARK = /\p{Mark}/u;
/** Of a character at the plots' 12 pixels, in the wider one of the usual fonts. */
const characterWidth = (character: string): number => {
  if (MARK.test(character)) return 0;
  if (WIDE.test(character) || /[MW@%m…]/.test(character)) return 12.5;
  if (/[A-Zw+<>=~#&]/.test(character)) return 9.5;
  return /[ijlI.,:;'!|[\]()]/.test(character) ? 5 : 7.6;
};

/** Marks on one character that are kept: any language's, and not a tower. */
const MARKS = 2;

/** As it will be drawn: controls escaped, towers of marks cut. */
const drawn = (text: string): string =>
  escapeControls(text).replaceAll(new RegExp(`(\\p{Mark}{${MARKS}})\\p{Mark}+`, 'gu'), '$1');

export function textWidth(text: string): number {
  let width = 0;
  // Labels may be as long as a book; nothing is as wide as its beginning.
  for (const character of drawn(text.slice(0, 1000))) width += characterWidth(character);
  return width;
}

/** The beginning that is at most `room` wide, an ellipsis included where it is not all. */
export function fitting(text: string, room: number): string {
  const whole = drawn(text.slice(0, 1000));
  let [width, kept] = [0, ''];
  for (const character of whole) {
    width += characterWidth(character);
    if (width > room) {
      while (kept !== '' && textWidth(kept) > room - 12.5) kept = Array.from(kept).slice(0, -1).join('');
      return `${kept}…`;
    }
    kept += character;
  }
  return text.length > 1000 ? `${kept}…` : kept;
}

/** A name cut to its room, whole under the pointer. */
export function fitted(x: number, y: number, anchor: Anchor, value: string, room: number): Markup {
  const shown = fitting(value, room);
  return label(x, y, anchor, shown, ...(shown === value ? [] : [tip(value.slice(0, 1000))]));
}

/** Room for names on the left, of `most` at most. */
export const roomFor = (names: readonly string[], most = WIDTH * 0.6): number =>
  Math.min(most, 24 + names.reduce((width, name) => Math.max(width, textWidth(name)), 0));

/** Grid, values and title of a horizontal axis. */
export function across({ ticks: marks, at }: Axis, bottom: number, title: string, top = TOP): Markup[] {
  const [from, to] = [at(marks[0]!), at(marks.at(-1)!)];
  const shown = written(marks);
  return [
    ...marks.flatMap((value) => [
      line(at(value), top, at(value), bottom, 'grid'),
      label(at(value), bottom + 16, 'middle', shown(value)),
    ]),
    label((from + to) / 2, bottom + 34, 'middle', title),
  ];
}

/** Grid and values of a vertical axis. */
export function along({ ticks: marks, at }: Axis, left: number, right: number): Markup[] {
  const shown = written(marks);
  return marks.flatMap((value) => [
    line(left, at(value), right, at(value), 'grid'),
    label(left - 8, at(value) + 4, 'end', shown(value)),
  ]);
}

/** As many decimals as the finest needs; 12,000. */
function written(marks: readonly number[]): (value: number) => string {
  const plain = marks.map(String);
  if (plain.some((text) => text.includes('e'))) return (value) => String(value).replace('-', '−');
  const digits = Math.max(...plain.map((text) => text.split('.')[1]?.length ?? 0));
  return (value) =>
    value
      .toFixed(digits)
      .replace('-', '−')
      .replace(/^(\d{2,})(\d{3})$/, '$1,$2');
}
