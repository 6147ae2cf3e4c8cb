/** Text of others (labels, file names, texts) made safe to print on a terminal or into a log line. */

/**
 * C0 and C1 controls, DEL, soft hyphen and zero-width characters, line and paragraph separators, bidirectional controls,
 * byte order mark, interlinear and tag characters, lone surrogates.
 */
const UNSAFE =
  /[\u0000-\u001f\u007f-\u009f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\u{e0000}-\u{e007f}]|\p{Surrogate}/gu;

/** `\x1b`, `\u202e`, ...: visible, and without effect on a terminal. */
export function escapeControls(text: string, options: { keepNewlines?: boolean } = {}): string {
  return text.replace(UNSAFE, (character) => {
    if (options.keepNewlines && (character === '\n' || character === '\t')) return character;
    if (character === '\n') return '\\n';
    if (character === '\r') return '\\r';
    if (character === '\t') return '\\t';
    const code = character.codePointAt(0)!;
    if (code < 0x100) return `\\x${code.toString(16).padStart(2, '0')}`;
    return code < 0x10000 ? `\\u${code.toString(16).padStart(4, '0')}` : `\\u{${code.toString(16)}}`;
  });
}
