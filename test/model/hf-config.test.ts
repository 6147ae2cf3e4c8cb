import { expect } from 'chai';
import fc from 'fast-check';
import { AdaptuneError } from '../../lib/errors.js';
import { hfConfigText, parseHfConfig } from '../../lib/model/hf-config.js';
import { TINY } from '../helpers/model-folder.js';

const parse = (changes: Record<string, unknown> = {}) =>
  parseHfConfig(JSON.stringify({ ...TINY, ...changes }), 'config.json');
function failure(text: string): string {
  try {
    parseHfConfig(text, 'config.json');
  } catch (error) {
    expect(error).to.be.instanceOf(AdaptuneError);
    expect((error as AdaptuneError).code).to.equal('E_MODEL_CONFIG');
    return (error as AdaptuneError).message;
  }
  throw new Error('accepted');
}
const refused = (changes: Record<string, unknown>) => failure(JSON.stringify({ ...TINY, ...changes }));

describe('config.json', () => {
  it('becomes the engine’s switches', () => {
    expect(parse()).to.deep.equal({
      encoder: {
        layers: 2,
        hidden: 8,
        heads: 2,
        kvHeads: 2,
        headWidth: 4,
        feedForward: 16,
        vocabulary: 11,
        positions: 6,
        types: 2,
        classes: 3,
        normEps: 1e-12,
        hiddenDropout: 0.1,
        attentionDropout: 0.1,
        classifierDropout: 0.1,
        activation: 'gelu',
      },
      labels: ['no', 'yes', 'maybe'],
      initializerRange: 0.02,
      architectures: ['BertForSequenceClassification'],
      notes: [],
    });
  });

  it('fills in what transformers does when a key is absent or null', () => {
    const { hidden_dropout_prob: _, ...rest } = TINY;
    const { encoder } = parseHfConfig(
      JSON.stringify({ ...rest, classifier_dropout: null, layer_norm_eps: null }),
      'config.json',
    );
    expect(encoder).to.deep.include({ hiddenDropout: 0.1, classifierDropout: 0.1, normEps: 1e-12 });
    expect(parse({ classifier_dropout: 0.25 }).encoder.classifierDropout).to.equal(0.25);
    expect(parse({ id2label: null, label2id: null }).encoder.classes).to.equal(2);
    expect(parse({ id2label: null, label2id: null, num_labels: 9 }).encoder.classes).to.equal(9);
  });

  it('ignores unknown keys with a note, and what changes nothing without one', () => {
    expect(
      parse({ gradient_checkpointing: false, use_cache: true, transformers_version: '4.8.2' }).notes,
    ).to.deep.equal([]);
    expect(parse({ rope_theta: 1, 'x\n': 2 }).notes).to.deep.equal(['config.json: ignored "rope_theta", "x\\n"']);
    expect(parse({ label2id: { no: 1, yes: 0, maybe: 2 } }).notes[0]).to.contain('label2id differs');
  });

  for (const [key, value] of Object.entries({
    model_type: 'roberta',
    hidden_act: 'gelu_new',
    position_embedding_type: 'relative_key',
    is_decoder: true,
    add_cross_attention: true,
    is_encoder_decoder: true,
    problem_type: 'regression',
    pruned_heads: { '0': [1] },
  })) {
    it(`refuses ${key} of ${JSON.stringify(value)}`, () => {
      const message = refused({ [key]: value });
      expect(message).to.match(new RegExp(`^config\\.json: ${key}: expected .*, came `));
      expect(message).to.contain(JSON.stringify(value));
    });
  }
  it('refuses a file that does not say what it is', () => {
    const { model_type: _, ...rest } = TINY;
    expect(failure(JSON.stringify(rest))).to.equal('config.json: model_type: expected "bert", came none');
  });

  const numbers = (
    'hidden_size num_hidden_layers num_attention_heads intermediate_size vocab_size max_position_embeddings ' +
    'type_vocab_size layer_norm_eps hidden_dropout_prob attention_probs_dropout_prob initializer_range classifier_dropout'
  ).split(' ');
  for (const key of numbers) {
    it(`checks the range of ${key}`, () => {
      for (const value of [-1, '8', '0.1', [8], {}, true, 2 ** 53]) {
        expect(refused({ [key]: value })).to.match(
          new RegExp(`^config\\.json: ${key}: expected an? \\w+ from .* to .*, came `),
        );
      }
      const { [key as 'hidden_size']: _, ...rest } = TINY;
      const written = JSON.stringify(rest).slice(0, -1);
      expect(failure(`${written},"${key}":1e400}`))
        .to.contain(`${key}: expected`)
        .and.contain('came Infinity');
      expect(failure(`${written},"${key}":NaN}`)).to.contain('expected valid JSON');
    });
  }
  it('takes sizes as integers only, and needs all of them', () => {
    const { hidden_size: _, ...rest } = TINY;
    expect(failure(JSON.stringify(rest))).to.equal(
      'config.json: hidden_size: expected an integer from 1 to 65536, came none',
    );
    expect(refused({ hidden_size: 8.5 })).to.contain('came 8.5');
    expect(refused({ hidden_size: 0 })).to.contain('came 0');
    expect(refused({ hidden_size: 9 })).to.equal(
      'config.json: hidden_size: expected a multiple of num_attention_heads (2), came 9',
    );
  });

  it('reads labels by number', () => {
    const written =
      '{"10":"k","2":"c","0":"a","1":"b","3":"d","4":"e","5":"f","6":"g","7":"h","8":"i","9":"__proto__"}';
    const { labels } = parseHfConfig(
      JSON.stringify({ ...TINY, id2label: JSON.parse(written), label2id: null }),
      'config.json',
    );
    expect(labels).to.deep.equal(['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h', 'i', '__proto__', 'k']);
  });
  for (const [name, id2label, message] of [
    ['a gap', { '0': 'a', '2': 'c' }, 'id2label: expected ids from 0 to 1, came no id 1'],
    ['a label twice', { '0': 'a', '1': 'a' }, 'id2label: expected every label once, came "a" for 0 and 1'],
    ['an id that is no number', { '0': 'a', one: 'b' }, 'id2label: expected numbers as keys, came "one"'],
    ['an id with a zero before it', { '0': 'a', '01': 'b' }, 'id2label: expected numbers as keys, came "01"'],
    ['a label that is no text', { '0': 'a', '1': 1 }, 'id2label 1: expected a string, came 1'],
    ['a list', ['a', 'b'], 'id2label: expected an object from id to label, came ["a","b"]'],
    ['nothing', {}, 'id2label: expected 1 to 65536 labels, came 0'],
  ] as const) {
    it(`refuses labels with ${name}`, () => {
      expect(refused({ id2label })).to.equal(`config.json: ${message}`);
    });
  }
  it('refuses an id that comes twice', () => {
    const written = JSON.stringify({ ...TINY, id2label: 0 }).replace(
      '"id2label":0',
      '"id2label":{"0":"a","1":"b","1":"c"}',
    );
    expect(failure(written)).to.contain('every key once, came "1" twice');
    expect(refused({ num_labels: 4 })).to.equal('config.json: num_labels: expected 3, as in id2label, came 4');
  });

  it('bounds depth and size', () => {
    expect(failure(`{"a":${'['.repeat(1e6)}${']'.repeat(1e6)}}`)).to.contain('levels of nesting');
    expect(failure(`{"a":"${'x'.repeat(5e6)}"}`)).to.contain('characters of JSON');
  });

  it('is written so that any label comes back', () => {
    const labels = ['__proto__', 'constructor', '10', '9', '"\\\n', 'ü😀', 'a'];
    const config = { ...parse().encoder, classes: labels.length, classifierDropout: 0.3 };
    const text = hfConfigText(config, labels, { initializerRange: 0.1, extra: { pad_token_id: 0 } });
    const read = parseHfConfig(text, 'config.json');
    expect(read).to.deep.include({ encoder: config, labels, initializerRange: 0.1, notes: [] });
    expect(hfConfigText(config, labels, { initializerRange: 0.1, extra: { pad_token_id: 0 } })).to.equal(text);
    expect(text).to.contain('"__proto__": 0').and.contain('"10": 2');
    expect(() => hfConfigText(config, ['a', 'b'])).to.throw(/^labels: expected 7 different ones, .* came 2$/);
    expect(() => hfConfigText({ ...config, classes: 2 }, ['a', 'a'])).to.throw(
      /expected 2 different ones, .* came "a" twice$/,
    );
  });

  it('is read the same after it is written, or refused with its key, whatever a value is', () => {
    const value = fc.oneof(
      fc.double({ min: -1, max: 2, noNaN: true }),
      fc.integer({ min: -1, max: 40 }),
      fc.constantFrom(
        null,
        true,
        '',
        'gelu',
        'absolute',
        [],
        {},
        2 ** 31,
        { '0': 'x', '1': 'y' },
        { '1': 'x' },
        { a: 0 },
      ),
    );
    const key = fc.constantFrom(
      ...Object.keys(TINY),
      'classifier_dropout',
      'num_labels',
      'problem_type',
      'is_decoder',
      'other',
    );
    let accepted = 0;
    fc.assert(
      fc.property(fc.dictionary(key, value, { maxKeys: 3 }), (changes) => {
        const text = JSON.stringify({ ...TINY, ...changes });
        let read;
        try {
          read = parseHfConfig(text, 'config.json');
        } catch {
          expect(failure(text)).to.match(/^config\.json: \w+( \d+)?: expected .+, came .+/);
          return;
        }
        accepted++;
        const labels = read.labels ?? Array.from({ length: read.encoder.classes }, (_, i) => `label ${i}`);
        const again = parseHfConfig(
          hfConfigText(read.encoder, labels, { initializerRange: read.initializerRange }),
          'config.json',
        );
        expect(again.encoder).to.deep.equal(read.encoder);
        expect(again.labels).to.deep.equal(labels);
      }),
      { numRuns: 2000 },
    );
    expect(accepted).to.be.above(200);
  });
});
