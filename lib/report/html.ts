/**
 * Pages of markup and nothing else: no script, no network, and text of others only where `text` or an attribute's quotes hold
 * it. The policy in the page says so to the browser too.
 */
import { sha256 } from '../util/hash.js';
import { escapeControls } from '../util/terminal.js';

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Markup made here; a plain string is text until `text` makes it markup. */
export class Markup {
  constructor(readonly source: string) {}
}

/** Characters that change the direction or hide are shown as escapes, as on a terminal. */
export const text = (value: string | number): Markup =>
  new Markup(escapeControls(String(value)).replaceAll(/[&<>"']/g, (character) => ENTITIES[character]!));

type Content = Markup | string | number;
const sourceOf = (content: Content) => (content instanceof Markup ? content : text(content)).source;

/** `<name attributes>contents</name>`; names are those of this program, values and contents may be anybody's. */
export function element(
  name: string,
  attributes: Readonly<Record<string, string | number>>,
  ...contents: Content[]
): Markup {
  const given = Object.entries(attributes).map(([key, value]) => ` ${key}="${text(value).source}"`);
  return new Markup(`<${name}${given.join('')}>${contents.map(sourceOf).join('')}</${name}>`);
}

/** Self-contained; `style` is the only thing that the policy lets work. */
export function page(title: string, style: string, ...body: Content[]): string {
  const hash = Buffer.from(sha256(style), 'hex').toString('base64');
  const policy = `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width">
${element('title', {}, title.slice(0, 200)).source}
<style>${style}</style>
</head>
<body>
${body.map(sourceOf).join('\n')}
</body>
</html>
`;
}
