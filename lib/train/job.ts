/**
 * The whole job: tokenizer, mining, growth of the vocabulary, head fit, sensitivity, plan, finetuning, evaluation, saving.
 * A checkpoint follows every stage that costs time, so that a stopped run continues after the last finished one.
 */
import { join } from 'node:path';
import { AdaptuneError } from '../errors.js';
import type { TokenReport } from '../mining/index.js';
import { Encoder } from '../model/encoder.js';
import { writeModelManifest } from '../model/saved-model.js';
import type { TensorSource } from '../model/safetensors.js';
import type { Encoding } from '../model/tokenization.js';
import { Tokenizer } from '../model/tokenizer.js';
import { Device } from '../native/device.js';
import { planForCost, type Workload } from '../select/cost.js';
import { diagnoseSelection, type SelectionDiagnostics } from '../select/diagnostics.js';
import { defaultRates, makePlan, type Plan } from '../select/plan.js';
import { scoreUnits } from '../select/scores.js';
import { layerWeights, selectionWeights, selectUnits, type LayerSelection } from '../select/units.js';
import { writeAtomic } from '../util/files.js';
import { packageVersion } from '../util/version.js';
import { TrainBatches } from './batches.js';
import { CALIBRATION_TEXTS, measureSensitivity } from './calibrate.js';
import { CheckpointStore } from './checkpoint.js';
import { evaluateEncoded, type EncodedPart } from './evaluate.js';
import { finetune } from './finetune.js';
import { fitHead, HEAD_FIT_PASSES, HEAD_FIT_TEXTS } from './head-fit.js';
import { readInputs, type Inputs, type Part } from './inputs.js';
import { mineTokens } from './mine.js';
import { resolveTrainOptions, type ResolvedOptions, type TrainOptions } from './options.js';
import { chooseEpoch, trainResult, type TrainResult } from './result.js';
import { openRunFolder, type RunFolder } from './run-folder.js';
import { Run, type Report, type TrainHooks } from './run.js';
import { isScratch, scratchConfig, scratchInitializerRange, scratchTokenizer } from './scratch.js';
import { stratifiedHalves } from './split.js';
import { checkIdentity, newProgress, type RunState } from './state.js';
import { Trainer } from './trainer.js';

/** Failed periodic checkpoints in a row that are put up with; training goes on from memory meanwhile. */
const SAVE_FAILURES = 1;
const HEAD_PARAMETERS = ['pooler.dense.weight', 'pooler.dense.bias', 'classifier.weight', 'classifier.bias'];

/**
 * Trains a classifier and saves it in `out`. Rejects with the codes of lib/errors.ts; E_INTERRUPTED after `signal` leaves
 * a checkpoint that `resume` continues from, bit for bit as if it had never been stopped.
 */
export async function train(input: TrainOptions & TrainHooks): Promise<TrainResult> {
  const { signal, onProgress, onNote, ...rest } = input;
  const hooks = { signal, onProgress, onNote };
  const options = resolveTrainOptions(rest);
  const inputs = await readInputs(options);
  const folder = await openRunFolder(options.out, options);
  try {
    const device = Device.open({
      device: options.device,
      ...(options.threads === null ? {} : { threads: options.threads }),
    });
    try {
      return await new Job(options, inputs, folder, device, hooks).run();
    } finally {
      device.close();
    }
  } finally {
    folder.release();
  }
}

class Job {
  readonly #store: CheckpointStore;
  #run!: Run;
  #tokenizer!: Tokenizer;
  #encoder!: Encoder;
  #mined: TokenReport[] = [];
  #plan: Plan | null = null;
  #diagnostics: SelectionDiagnostics | null = null;
  #saveFailures = 0;

  constructor(
    readonly options: ResolvedOptions,
    readonly inputs: Inputs,
    readonly folder: RunFolder,
    readonly device: Device,
    readonly hooks: TrainHooks,
  ) {
    this.#store = new CheckpointStore(folder.checkpoints);
  }

  async run(): Promise<TrainResult> {
    const { options, inputs } = this;
    const found = await this.#store.newest();
    if (found) checkIdentity(found.state.identity, inputs.identity);
    const state = found?.state ?? null;
    const run = (this.#run = new Run(this.hooks, state?.progress ?? newProgress()));
    if (found) run.checkpointWritten(found.name);
    if (state && state.isa !== this.device.isa) {
      run.note(
        `resumed on ${this.device.isa}, begun on ${state.isa}: the last bits may differ from an uninterrupted run`,
      );
    }

    if (found) {
      this.#tokenizer = await run.stage('tokenizer', () => Tokenizer.load(this.#store.path(found.name)));
      this.#mined = found.state.tokens as unknown as TokenReport[];
    } else {
      await this.#makeTokenizer();
      await this.#save('tokens', 0, []);
    }
    const encodings = await run.stage('tokenize', () => this.#encodeAll());
    await run.stage('load', () => this.#loadEncoder());
    try {
      const steps = Math.ceil(encodings.train.encodings.length / options.batch) * options.epochs;
      await this.#makePlan(found, encodings.train, steps);
      return await this.#finetune(found, encodings);
    } finally {
      this.#encoder.close();
    }
  }

  async #makeTokenizer(): Promise<void> {
    const { options, inputs } = this;
    const base = await this.#run.stage('tokenizer', () =>
      isScratch(options.model)
        ? Promise.resolve(scratchTokenizer(options.model, [...inputs.train.texts, ...inputs.unlabelled]))
        : Tokenizer.load(options.model),
    );
    if (options.newTokens !== 0 || options.tokens !== null) {
      this.#mined = await this.#run.stage('mine', (report) => this.#mine(base, report));
    }
    const phrases = this.#mined.map((token) => token.phrase);
    this.#tokenizer = await this.#run.stage('grow', () => Promise.resolve(base.withPhrases(phrases)));
  }

  async #mine(tokenizer: Tokenizer, report: Report): Promise<TokenReport[]> {
    const { train, labels, unlabelled } = this.inputs;
    const { chosen, rejected } = await mineTokens({
      texts: train.texts,
      labels: Array.from(train.labels, (id) => labels[id]!),
      unlabelled,
      tokenizer,
      options: this.options,
      signal: this.#run.signal,
      onProgress: ({ done }) => report(done, 1),
    });
    for (const { line, phrase, reason } of rejected) {
      this.#run.note(`${this.options.tokens}: line ${line}: ${JSON.stringify(phrase)} is left out: ${reason}`);
    }
    return chosen;
  }

  async #encodeAll() {
    const encode = async (part: Part): Promise<EncodedPart> => ({
      encodings: await this.#tokenizer.encode(part.texts, { maxLength: this.options.maxLength }),
      labels: part.labels,
    });
    const { train, validation, test } = this.inputs;
    return { train: await encode(train), validation: await encode(validation), test: test && (await encode(test)) };
  }

  async #loadEncoder(): Promise<void> {
    const { options, inputs, device } = this;
    const classes = inputs.labels.length;
    const tokenizer = this.#tokenizer;
    const pieces = tokenizer.pieces.slice(tokenizer.phrases.length - this.#mined.length);
    if (isScratch(options.model)) {
      const config = scratchConfig(options.model, tokenizer.vocabularySize, classes);
      this.#encoder = await Encoder.random(device, config, { seed: options.seed, initializerRange: scratchInitializerRange(config.hidden) });
    } else {
      this.#encoder = await Encoder.load(device, options.model, {
        classes,
        grow: { pieces, init: options.init, first: tokenizer.vocabularySize - pieces.length },
        seed: options.seed,
      });
    }
    for (const note of this.#encoder.notes) this.#run.note(note);
    const { positions } = this.#encoder.config;
    if (options.maxLength > positions) {
      throw new AdaptuneError(
        'E_ARGUMENT',
        `expected at most ${positions}, the model's positions, for maxLength but received ${options.maxLength}`,
      );
    }
  }

  /** Head fit, sensitivity and selection (`adapt`), and the plan that all methods have. */
  async #makePlan(found: { name: string; state: RunState } | null, train: EncodedPart, steps: number): Promise<void> {
    const stage = found?.state.stage ?? 'tokens';
    if (found && stage !== 'tokens') {
      this.#plan = found.state.plan;
      this.#diagnostics = found.state.diagnostics as unknown as SelectionDiagnostics | null;
      if (stage === 'train') return;
      const tensors = await this.#store.readTensors(found.name);
      for (const [name, values] of tensors) await this.#encoder.set(name, values);
      if (stage === 'plan') return;
    }
    const adapt = this.options.method === 'adapt';
    if (adapt && stage === 'tokens') {
      await this.#fitHead(train);
      await this.#save('head', 0, this.#headTensors());
    }
    const work = this.#workload(train);
    const selection = adapt ? await this.#selectUnits(train, work) : undefined;
    const { lr, headLr, tokenLr, method } = this.options;
    const rates = defaultRates(method, this.#encoder.config.hidden);
    this.#plan = makePlan(this.#encoder.config, {
      method,
      ...(selection ? { selection } : {}),
      newRowsFirst: this.#mined.length > 0 ? this.#tokenizer.vocabularySize - this.#mined.length : -1,
      steps,
      rates: { units: lr ?? rates.units, head: headLr, rows: tokenLr },
      work,
    });
    await this.#save('plan', 0, adapt ? this.#headTensors() : []);
  }

  #fitHead({ encodings, labels }: EncodedPart): Promise<number> {
    const { seed } = this.options;
    const [a, b] = stratifiedHalves(labels, HEAD_FIT_TEXTS, { seed, stream: 'sample' });
    const rows = [...a, ...b];
    return this.#run.stage('head fit', (report) =>
      fitHead(
        this.#encoder,
        rows.map((row) => encodings[row]!),
        Int32Array.from(rows, (row) => labels[row]!),
        this.options,
        {
          signal: this.#run.signal,
          onProgress: (done, total, loss) => report(done, total, loss === undefined ? {} : { loss }),
        },
      ),
    );
  }

  #headTensors(): TensorSource[] {
    const { hidden, classes } = this.#encoder.config;
    const shapes = [[hidden, hidden], [hidden], [classes, hidden], [classes]];
    return HEAD_PARAMETERS.map((name, i) => ({ name, shape: shapes[i]!, read: () => this.#encoder.get(name) }));
  }

  #workload({ encodings }: EncodedPart): Workload {
    const { method, epochs, maxLength, tokenPhase } = this.options;
    const adapt = method === 'adapt';
    return {
      lengths: encodings.map(({ ids }) => ids.length),
      baseLengths: encodings.map(({ baseTokens }) => Math.min(baseTokens, maxLength)),
      epochs,
      headFitTexts: adapt ? Math.min(encodings.length, HEAD_FIT_TEXTS) : 0,
      headFitPasses: adapt ? HEAD_FIT_PASSES : 0,
      calibrationTexts: adapt ? Math.min(encodings.length, CALIBRATION_TEXTS) : 0,
      tokenPhase: this.#mined.length > 0 ? tokenPhase : 0,
    };
  }

  async #selectUnits({ encodings, labels }: EncodedPart, work: Workload): Promise<LayerSelection[]> {
    const { options } = this;
    const { config } = this.#encoder;
    const halves = stratifiedHalves(labels, CALIBRATION_TEXTS, { seed: options.seed, stream: 'calibration' });
    const sensitivity = await this.#run.stage('calibrate', (report) =>
      measureSensitivity(this.#encoder, encodings, labels, halves, options.batch, {
        signal: this.#run.signal,
        onProgress: report,
      }),
    );
    return this.#run.stage('select', () => {
      const scores = scoreUnits(sensitivity.whole, options);
      const selection =
        options.cost === null
          ? selectUnits(config, scores, options)
          : planForCost(config, scores, options.cost, work, { spread: options.spread });
      const budget = selectionWeights(config, selection) / (config.layers * layerWeights(config));
      const choice = options.cost === null ? options : { ...options, budget };
      this.#diagnostics = diagnoseSelection(config, sensitivity.whole, sensitivity.halves, choice);
      for (const warning of this.#diagnostics.warnings) this.#run.note(warning);
      return Promise.resolve(selection);
    });
  }

  async #finetune(
    found: { name: string; state: RunState } | null,
    encodings: { train: EncodedPart; validation: EncodedPart; test: EncodedPart | null },
  ): Promise<TrainResult> {
    const { options, inputs } = this;
    const run = this.#run;
    const plan = this.#plan!;
    const trainer = new Trainer(this.#encoder, plan);
    try {
      const step = found?.state.stage === 'train' ? found.state.step : 0;
      if (found && step > 0) {
        const tokenSteps = plan.phases.find(({ name }) => name === 'tokens')?.steps ?? 0;
        if (trainer.rowsActive && step >= tokenSteps) await trainer.freezeRows();
        await trainer.restore(found.state.slots, await this.#store.readTensors(found.name));
      }
      await finetune({
        run,
        encoder: this.#encoder,
        trainer,
        plan,
        batches: new TrainBatches(encodings.train.encodings, encodings.train.labels, options),
        validation: encodings.validation,
        labels: inputs.labels,
        options,
        step,
        save: (done, why) => this.#saveStep(trainer, done, why),
      });
      const chosen = chooseEpoch(run.progress, inputs.validation.texts.length);
      const best = run.progress.best!;
      if (chosen.epoch === best.epoch && best.epoch !== run.progress.evaluations.at(-1)!.epoch) {
        await trainer.restoreWeights(await this.#store.readTensors(best.checkpoint));
      }
      const scores = await run.stage('evaluate', async (report) => {
        const total = inputs.validation.texts.length + (inputs.test?.texts.length ?? 0);
        const score = (part: EncodedPart, before: number) =>
          evaluateEncoded(this.#encoder, part, inputs.labels, {
            signal: run.signal,
            onProgress: (done) => report(before + done, total),
          });
        const validation = await score(encodings.validation, 0);
        return { validation, test: encodings.test && (await score(encodings.test, inputs.validation.texts.length)) };
      });
      return await this.#finish(found !== null, encodings.train.encodings, { chosen, ...scores });
    } finally {
      trainer.close();
    }
  }

  /** Writes the model's files, adaptune.json last. */
  async #finish(
    resumed: boolean,
    encodings: readonly Encoding[],
    scores: Pick<TrainResult, 'chosen' | 'validation' | 'test'>,
  ): Promise<TrainResult> {
    const { options, inputs, device } = this;
    const run = this.#run;
    const { out } = this.folder;
    const merged = encodings.reduce((sum, { ids }) => sum + ids.length, 0);
    const base = encodings.reduce((sum, { baseTokens }) => sum + baseTokens, 0);
    const begin = performance.now();
    await this.#encoder.save(out, { labels: inputs.labels });
    for (const [name, text] of Object.entries(this.#tokenizer.files(options.maxLength)))
      await writeAtomic(join(out, name), text);
    if (inputs.split) await writeAtomic(join(out, 'validation.jsonl'), jsonLines(inputs));
    run.addSeconds('save', (performance.now() - begin) / 1000);
    const result = trainResult({
      head: {
        model: options.model,
        out: options.out,
        method: options.method,
        seed: options.seed,
        epochs: options.epochs,
        batch: options.batch,
        labels: inputs.labels,
        rows: {
          train: inputs.train.texts.length,
          validation: inputs.validation.texts.length,
          test: inputs.test?.texts.length ?? 0,
        },
        isa: device.isa,
        threads: device.threads,
        resumed,
      },
      plan: this.#plan!,
      progress: run.progress,
      lengthRatio: merged / base,
      diagnostics: this.#diagnostics,
      mined: this.#mined,
      ...scores,
    });
    const { labels, mined, ...metrics } = result;
    await writeModelManifest(
      out,
      { labels, maxLength: options.maxLength },
      { tokens: mined, plan: this.#plan, options: describeSources(options), identity: inputs.identity, metrics },
    );
    return result;
  }

  async #saveStep(trainer: Trainer, step: number, why: 'periodic' | 'required'): Promise<void> {
    try {
      await this.#save('train', step, trainer.tensors(), trainer.slots());
      this.#saveFailures = 0;
    } catch (error) {
      if (why === 'required' || ++this.#saveFailures > SAVE_FAILURES) throw error;
      this.#run.note(`checkpoint after step ${step} failed, training goes on: ${(error as Error).message}`);
    }
  }

  async #save(
    stage: RunState['stage'],
    step: number,
    tensors: TensorSource[],
    slots: RunState['slots'] = [],
  ): Promise<void> {
    const { inputs, options, device } = this;
    const state: RunState = {
      version: 1,
      adaptune: packageVersion(),
      identity: inputs.identity,
      stage,
      step,
      isa: device.isa,
      labels: inputs.labels,
      tokens: this.#mined as unknown as RunState['tokens'],
      plan: this.#plan as RunState['plan'],
      diagnostics: this.#diagnostics as unknown as RunState['diagnostics'],
      slots,
      progress: this.#run.progress,
    };
    const tokenizer = Object.entries(this.#tokenizer.files(options.maxLength));
    const name = await this.#store.write({ state, tensors, tokenizer });
    this.#run.checkpointWritten(name);
    const { best, lastGood } = this.#run.progress;
    await this.#store.keep(new Set([name, best?.checkpoint ?? name, lastGood ?? name]));
  }
}

function* jsonLines({ labels, validation }: Inputs): Generator<string> {
  for (const [i, text] of validation.texts.entries()) {
    yield `${JSON.stringify({ text, label: labels[validation.labels[i]!] })}\n`;
  }
}

/** The options as they are saved: texts of a program by their number only. */
function describeSources(options: ResolvedOptions): Record<string, unknown> {
  const shown = (source: ResolvedOptions['test']) =>
    typeof source === 'object' && source !== null ? `${source.texts.length} texts in memory` : source;
  return { ...options, train: shown(options.train), validation: shown(options.validation), test: shown(options.test) };
}
