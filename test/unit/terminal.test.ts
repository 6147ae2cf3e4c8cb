import { expect } from 'chai';
import fc from 'fast-check';
import { escapeControls } from '../../lib/util/terminal.js';

describe('terminal', () => {
  it('makes escape sequences, line ends and bidirectional controls visible', () => {
    expect(escapeControls('\x1b]0;x\x07\n[error]')).to.equal('\\x1b]0;x\\x07\\n[error]');
    expect(escapeControls('a\u202eb\u2066c\u009b31m\u2028\r\t\x7f')).to.equal(
      'a\\u202eb\\u2066c\\x9b31m\\u2028\\r\\t\\x7f',
    );
    expect(escapeControls('\ud800x\u{e0041}')).to.equal('\\ud800x\\u{e0041}');
    expect(escapeControls('one\n\ttwo\r', { keepNewlines: true })).to.equal('one\n\ttwo\\r');
  });

  it('leaves what people write alone', () => {
    const text = 'naïve Überprüfung 語 😀 e\u0301 «x» \\n';
    expect(escapeControls(text)).to.equal(text);
  });

  it('leaves no control character in any string', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(escapeControls(text)).to.not.match(/[\p{Cc}\p{Cs}\p{Bidi_Control}]/u);
      }),
      { numRuns: 2000 },
    );
  });
});
