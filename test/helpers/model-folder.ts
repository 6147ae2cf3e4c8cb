/** Model folders written byte by byte, so that a test can spoil any part of one. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Words } from '../../lib/util/philox.js';

export interface RawTensor {
  dtype: string;
  shape: number[];
  bytes: Uint8Array;
}

/** A tiny BERT's config.json. */
export const TINY = {
  architectures: ['BertForSequenceClassification'],
  attention_probs_dropout_prob: 0.1,
  hidden_act: 'gelu',
  hidden_dropout_prob: 0.1,
  hidden_size: 8,
  id2label: { '0': 'no', '1': 'yes', '2': 'maybe' },
  initializer_range: 0.02,
  intermediate_size: 16,
  label2id: { no: 0, yes: 1, maybe: 2 },
  layer_norm_eps: 1e-12,
  max_position_embeddings: 6,
  model_type: 'bert',
  num_attention_heads: 2,
  num_hidden_layers: 2,
  type_vocab_size: 2,
  vocab_size: 11,
} as const;

/** Shapes of its tensors, as transformers saves them. */
export function tinyShapes(): Map<string, number[]> {
  const shapes = new Map<string, number[]>();
  const linear = (name: string, out: number, inner: number) => {
    shapes.set(`${name}.weight`, [out, inner]).set(`${name}.bias`, [out]);
  };
  const norm = (name: string) => shapes.set(`${name}.weight`, [8]).set(`${name}.bias`, [8]);
  shapes.set('bert.embeddings.word_embeddings.weight', [11, 8]);
  shapes.set('bert.embeddings.position_embeddings.weight', [6, 8]);
  shapes.set('bert.embeddings.token_type_embeddings.weight', [2, 8]);
  norm('bert.embeddings.LayerNorm');
  for (const layer of ['bert.encoder.layer.0', 'bert.encoder.layer.1']) {
    for (const part of ['query', 'key', 'value']) linear(`${layer}.attention.self.${part}`, 8, 8);
    linear(`${layer}.attention.output.dense`, 8, 8);
    norm(`${layer}.attention.output.LayerNorm`);
    linear(`${layer}.intermediate.dense`, 16, 8);
    linear(`${layer}.output.dense`, 8, 16);
    norm(`${layer}.output.LayerNorm`);
  }
  linear('bert.pooler.dense', 8, 8);
  linear('classifier', 3, 8);
  return shapes;
}

/** Random values of a tensor, the same for the same name. */
export function valuesOf(name: string, count: number): Float32Array {
  let site = 0;
  for (const character of name) site = (site * 31 + character.codePointAt(0)!) % 2 ** 31;
  const words = new Words({ seed: 3, stream: 'sample', site });
  return Float32Array.from({ length: count }, (_, i) => 0.5 * words.normal(i));
}

export function floats(name: string, shape: number[]): RawTensor {
  const count = shape.reduce((a, b) => a * b, 1);
  return { dtype: 'F32', shape, bytes: new Uint8Array(valuesOf(name, count).buffer) };
}

export function tinyTensors(): Map<string, RawTensor> {
  return new Map([...tinyShapes()].map(([name, shape]) => [name, floats(name, shape)]));
}

/** safetensors bytes in the order given, without padding: tensors may be unaligned. */
export function rawSafetensors(tensors: ReadonlyMap<string, RawTensor>): Buffer {
  let end = 0;
  const fields: string[] = [];
  for (const [name, { dtype, shape, bytes }] of tensors) {
    const offsets = [end, end + bytes.length];
    fields.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: offsets })}`);
    end += bytes.length;
  }
  const header = Buffer.from(`{${fields.join(',')}}`);
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(header.length));
  return Buffer.concat([length, header, ...[...tensors.values()].map(({ bytes }) => bytes)]);
}

export function writeModel(
  dir: string,
  tensors: ReadonlyMap<string, RawTensor> = tinyTensors(),
  config: Record<string, unknown> = {},
): string {
  mkdirSync(dir, { recursive: true });
  writeFileSync(join(dir, 'config.json'), JSON.stringify({ ...TINY, ...config }));
  writeFileSync(join(dir, 'model.safetensors'), rawSafetensors(tensors));
  return dir;
}
