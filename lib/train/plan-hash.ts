/** One name for all that training depends on once the plan is made: what led to the plan has no part in it any more. */
import type { TokenReport } from '../mining/index.js';
import type { Plan } from '../select/plan.js';
import { sha256 } from '../util/hash.js';
import { canonicalJson } from '../util/json.js';
import type { TRAIN_OPTIONS } from './options.js';
import type { Identity } from './state.js';

/** Options that act through the plan or the list of tokens alone. Any other one, a new one too, makes a difference. */
const SETTLED: ReadonlySet<string> = new Set([
  'granularity',
  'budget',
  'cost',
  'score',
  'beta',
  'spread',
  'floor',
  'dispersion',
  'importance',
  'lr',
  'headLr',
  'tokenLr',
  'tokenPhase',
  'prefixCache',
  'newTokens',
  'minSupport',
  'maxPattern',
  'minUses',
  'pplMax',
  'singleWords',
  'rank',
] satisfies (keyof typeof TRAIN_OPTIONS)[]);
/** Files that act through the list of tokens alone. */
const SETTLED_FILES: ReadonlySet<string> = new Set(['tokens', 'stopWords']);

/** Runs of one hash, on one instruction set, end with the same weights. Where units are chosen again, nothing is settled. */
export function planHash(plan: Plan, tokens: readonly TokenReport[], { model, data, options }: Identity): string {
  const { predictedCost: _, rates, ...rest } = plan;
  const again = options.some(([name, value]) => name === 'reselect' && value !== null);
  const used = {
    head: rates.head,
    units: plan.floor < plan.layers.length || plan.embeddings ? rates.units : null,
    rows: plan.newRowsFirst < 0 ? null : rates.rows,
  };
  return sha256(
    canonicalJson({
      model,
      data: data.filter(([name]) => !SETTLED_FILES.has(name)),
      options: options.filter(([name]) => again || !SETTLED.has(name)),
      plan: rest,
      rates: used,
      tokens: tokens.map(({ phrase, members = null }) => [phrase, members]),
    }),
  );
}
