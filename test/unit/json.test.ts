import { expect } from 'chai';
import fc from 'fast-check';
import { parseJson, parseJsonObject, show } from '../../lib/util/json.js';

const parse = (text: string, limits = {}) => parseJson(text, 'a.json', { code: 'E_MODEL_CONFIG', ...limits });

describe('json', () => {
  it('agrees with JSON.parse', () => {
    fc.assert(
      fc.property(fc.json(), fc.boolean(), (text, indented) => {
        const written = indented ? JSON.stringify(JSON.parse(text), null, 2) : text;
        let parsed: unknown;
        try {
          parsed = parse(written);
        } catch (error) {
          // fast-check writes an object's key once, so nothing is refused.
          expect.fail((error as Error).message);
        }
        expect(parsed).to.deep.equal(JSON.parse(text));
      }),
      { numRuns: 1000 },
    );
  });

  it('refuses keys that come twice, however they are written', () => {
    expect(() => parse('{"a": 1, "b": {"a": 2}, "c": [{"a": 3}, {"a": 4}]}')).to.not.throw();
    for (const text of [
      '{"a": 1, "a": 1}',
      '{"a": {"b": [1, {"c": 1, "x": "c", "\\u0063": 2}]}}',
      '{"\\"": 1, "\\u0022": 2}',
    ]) {
      expect(() => parse(text), text).to.throw(/a\.json: expected every key once, came ".*" twice/);
    }
    expect(() => parse('{"__proto__": 1, "__proto__": 2}')).to.throw(/__proto__/);
  });

  it('bounds length, depth and keys', () => {
    const deep = (n: number) => '['.repeat(n) + ']'.repeat(n);
    expect(parse(deep(32))).to.be.an('array');
    expect(() => parse(deep(33))).to.throw(/at most 32 levels of nesting, came 33/);
    expect(() => parse(deep(1_000_000))).to.throw(/came 1000000/);
    expect(() => parse('{"a":'.repeat(40) + '1' + '}'.repeat(40))).to.throw(/nesting, came 40/);
    const wide = JSON.stringify(Object.fromEntries(Array.from({ length: 10_001 }, (_, i) => [`k${i}`, i])));
    expect(() => parse(wide)).to.throw(/at most 10000 keys, came 10001/);
    expect(parse(wide, { keys: 20_000 })).to.have.property('k10000', 10_000);
    expect(() => parse(' '.repeat(100), { length: 99 })).to.throw(/at most 99 characters of JSON, came 100/);
  });

  it('says where and what', () => {
    expect(() => parse('{"dropout": NaN}'))
      .to.throw(/^a\.json: expected valid JSON, came Unexpected token 'N'/)
      .with.property('code', 'E_MODEL_CONFIG');
    expect(() => parseJsonObject('[1]', 'b.json', { code: 'E_DATA' })).to.throw(
      'b.json: expected a JSON object, came [1]',
    );
    expect(() => parseJsonObject('null', 'b.json', { code: 'E_DATA' })).to.throw(/came null/);
    // By V8's position, and by its excerpt where that stands once.
    expect(() => parse('{\n"a": 1,\n}')).to.throw(/\(line 3\)$|\(line 3 column 1\)$/);
    expect(() => parse('{\n"a": 1,\n"dropout": NaN,\n"b": 2\n}')).to.throw(/^[^\n]*\(line 3\)$/);
    expect(() => parse('[\n0123456789NaN0123456789,\n0123456789NaN0123456789\n]')).to.throw(/^[^\n]+$/);
  });

  it('shows values shortly', () => {
    expect(show(NaN)).to.equal('NaN');
    expect(show(undefined)).to.equal('undefined');
    expect(show('x'.repeat(200))).to.have.length(80);
    expect(show(Array.from({ length: 1000 }, () => 0))).to.equal('a list of 1000');
    expect(show(JSON.parse('['.repeat(1_000_000) + ']'.repeat(1_000_000)))).to.be.a('string');
  });
});
