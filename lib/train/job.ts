/**
 * The whole job: tokenizer, mining, growth of the vocabulary, head fit, sensitivity, plan, finetuning, evaluation, saving.
 * A checkpoint follows every stage that costs time, so that a stopped run continues after the last finished one.
 */
import { join } from 'node:path';
import type { TokenReport } from '../mining/index.js';
import type { Encoder } from '../model/encoder.js';
import { modelFileNames, describeModel, writeModelManifest } from '../model/saved-model.js';
import type { Encoding } from '../model/tokenization.js';
import { Tokenizer } from '../model/tokenizer.js';
import { Device } from '../native/device.js';
import { sharedWeights, type SelectionDiagnostics } from '../select/diagnostics.js';
import { methodOf } from '../select/methods.js';
import type { Mistake } from '../report/data.js';
import { writeReportFiles } from '../report/write.js';
import type { Plan } from '../select/plan.js';
import type { UnitMap } from '../select/unit-map.js';
import { stat, writeAtomic } from '../util/files.js';
import { requireObject } from '../util/options.js';
import { packageVersion } from '../util/version.js';
import { TrainBatches } from './batches.js';
import { checkModel } from './check-model.js';
import { CheckpointStore, type Checkpoint } from './checkpoint.js';
import { CheckpointWriter, type CheckpointState } from './checkpoint-writer.js';
import { diverged, isDiverged, nothingLearned } from './divergence.js';
import { evaluateEncoded, type EncodedPart } from './evaluate.js';
import { finetune } from './finetune.js';
import { corpusOf, readInputs, validationLines, type Inputs, type Part } from './inputs.js';
import { loadEncoder } from './load-encoder.js';
import { mineTokens } from './mine.js';
import { worstMistakes } from './mistakes.js';
import { describeSources, resolveTrainOptions, type ResolvedOptions, type TrainOptions } from './options.js';
import { planHash } from './plan-hash.js';
import { checkReachable, fitHeadStage, headTensors, planOf, selectStage, type Planning } from './planning.js';
import { layerTensors, reselectStep, restoreLayers, sameSlice } from './reselect.js';
import { chooseEpoch, choosesEpoch, trainResult, type ResultParts, type TrainResult } from './result.js';
import { checkRunFolder, openRunFolder, type RunFolder } from './run-folder.js';
import { runDetails } from './run-report.js';
import { Run, type Report, type TrainHooks } from './run.js';
import { beginSegment, type Segment } from './segment.js';
import { isScratch, scratchTokenizer } from './scratch.js';
import { checkIdentity, newProgress, type RunState } from './state.js';
import type { Trainer } from './trainer.js';

/**
 * Trains a classifier and saves it in `out`. Rejects with the codes of lib/errors.ts; E_INTERRUPTED after `signal` leaves
 * a checkpoint that `resume` continues from, bit for bit as if it had never been stopped.
 */
export async function train(input: TrainOptions & TrainHooks): Promise<TrainResult> {
  const { signal, onProgress, onEpoch, onNote, onPlan, onTest, ...rest } = requireObject(input, 'train');
  const hooks = { signal, onProgress, onEpoch, onNote, onPlan, onTest };
  const options = resolveTrainOptions(rest);
  await checkRunFolder(options.out, options);
  const inputs = await readInputs(options);
  await using device = Device.open({
    device: options.device,
    ...(options.threads === null ? {} : { threads: options.threads }),
  });
  await checkModel(device, options, inputs);
  const folder = await openRunFolder(options.out, options);
  try {
    return await new Job(options, inputs, folder, device, hooks).run();
  } finally {
    folder.release();
  }
}

/** The checkpoint to continue from. */
type Found = Checkpoint | null;

class Job {
  readonly #store: CheckpointStore;
  #run!: Run;
  #checkpoints!: CheckpointWriter;
  #tokenizer!: Tokenizer;
  #encoder!: Encoder;
  #mined: TokenReport[] = [];
  #plan: Plan | null = null;
  #diagnostics: SelectionDiagnostics | null = null;
  #units: UnitMap | null = null;

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
    const { found, damages } = await this.#store.newest(choosesEpoch(inputs.validation.texts.length));
    if (found) checkIdentity(found.state.identity, inputs.identity);
    const state = found?.state ?? null;
    const run = (this.#run = new Run(this.hooks, state?.progress ?? newProgress()));
    this.#checkpoints = new CheckpointWriter(this.#store, run);
    for (const damage of damages) {
      run.note(`checkpoint ${damage}: ${found ? `resumed from ${found.name}` : 'begun again'}`);
    }
    if (found) {
      await this.#checkpoints.written(found.name, found.state.stage);
    }
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
      await this.#checkpoints.save(this.#state('tokens'), []);
    }
    const encodings = await run.stage('tokenize', () => this.#encodeAll());
    try {
      this.#encoder = await run.stage('load', () => this.#load());
      const planning = this.#planning(encodings.train);
      await this.#makePlan(found, planning);
      this.#tellPlan();
      return await this.#finetune(found, planning, encodings);
    } catch (error) {
      if (!isDiverged(error)) throw error;
      await this.#checkpoints.rollBack();
      throw diverged(error, this.#plan?.rates ?? { head: options.headLr }, run.progress.lastGood);
    } finally {
      (this.#encoder as Encoder | undefined)?.close();
    }
  }

  async #makeTokenizer(): Promise<void> {
    const { options, inputs } = this;
    const base = await this.#run.stage('tokenizer', () =>
      isScratch(options.model)
        ? Promise.resolve(scratchTokenizer(options.model, corpusOf(inputs)))
        : Tokenizer.load(options.model),
    );
    if (options.newTokens !== 0 || options.tokens !== null) {
      this.#mined = await this.#run.stage('mine', (report) => this.#mine(base, report));
    }
    this.#tokenizer = await this.#run.stage('grow', () => Promise.resolve(this.#grow(base)));
    if (this.#tokenizer.gapped)
      this.#run.note('gapped patterns need adaptune: for texts with one, tokenizer.json alone gives other ids');
  }

  #grow(base: Tokenizer): Tokenizer {
    const { gapped, maxGap, protect } = this.options;
    const phrases = this.#mined.filter(({ members }) => members === undefined);
    const patterns = this.#mined.flatMap(({ members }) => (members === undefined ? [] : [members]));
    const grown = base.withPhrases(phrases.map(({ phrase }) => phrase));
    return gapped === 'off' ? grown : grown.withGapped({ mode: gapped, maxGap, protect, patterns });
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
    for (const { line, phrase, code, reason } of rejected) {
      this.#run.note(
        `${this.options.tokens}: line ${line}: ${JSON.stringify(phrase)} is left out (${code}): ${reason}`,
      );
    }
    // A model that was adapted before has tokens of its own.
    const known = new Set(tokenizer.phrases);
    return chosen.filter(({ phrase }) => !known.has(phrase));
  }

  async #encodeAll() {
    const encode = async (part: Part): Promise<EncodedPart> => ({
      encodings: await this.#tokenizer.encode(part.texts, { maxLength: this.options.maxLength }),
      labels: part.labels,
    });
    const { train, validation, test } = this.inputs;
    const encoded = {
      train: await encode(train),
      validation: await encode(validation),
      test: test && (await encode(test)),
    };
    for (const [name, part] of Object.entries(encoded)) {
      const cut = part?.encodings.filter(({ truncated }) => truncated).length ?? 0;
      if (cut > 0)
        this.#run.note(
          `${cut} of ${part!.encodings.length} ${name} texts are longer than ${this.options.maxLength} tokens and cut to that (maxLength)`,
        );
    }
    return encoded;
  }

  async #load(): Promise<Encoder> {
    const encoder = await loadEncoder(this.device, this.options, {
      classes: this.inputs.labels.length,
      tokenizer: this.#tokenizer,
      mined: this.#mined.length,
    });
    for (const note of encoder.notes) this.#run.note(note);
    return encoder;
  }

  #planning(train: EncodedPart): Planning {
    const { options } = this;
    return {
      run: this.#run,
      encoder: this.#encoder,
      train,
      options,
      newRowsFirst: this.#mined.length > 0 ? this.#tokenizer.vocabularySize - this.#mined.length : -1,
      steps: Math.ceil(train.encodings.length / options.batch) * options.epochs,
    };
  }

  /** Head fit, sensitivity and selection as the method asks for them, and the plan. */
  async #makePlan(found: Found, planning: Planning): Promise<void> {
    const stage = found?.state.stage ?? 'tokens';
    if (found && stage !== 'tokens') {
      this.#plan = found.state.plan;
      this.#diagnostics = found.state.diagnostics as unknown as SelectionDiagnostics | null;
      this.#units = found.state.units as unknown as UnitMap | null;
      if (stage === 'train') return;
      const tensors = await this.#store.readTensors(found.name);
      for (const [name, values] of tensors) await this.#encoder.set(name, values);
      if (stage === 'plan') return;
    }
    checkReachable(planning);
    if (stage === 'tokens' && methodOf(this.options.method).headFit) {
      await fitHeadStage(planning);
      await this.#checkpoints.save(this.#state('head'), headTensors(this.#encoder));
    }
    await this.#select(planning);
    await this.#checkpoints.save(this.#state('plan'), headTensors(this.#encoder));
  }

  async #select(planning: Planning): Promise<void> {
    const { selection, diagnostics, units } = await selectStage(planning);
    this.#diagnostics = diagnostics;
    this.#units = units;
    this.#plan = planOf(planning, selection);
  }

  #tellPlan(): void {
    const plan = this.#plan!;
    const hash = planHash(plan, this.#mined, this.inputs.identity);
    this.hooks.onPlan?.({ plan, hash, config: this.#encoder.config, diagnostics: this.#diagnostics });
  }

  async #finetune(
    found: Found,
    planning: Planning,
    encodings: { train: EncodedPart; validation: EncodedPart; test: EncodedPart | null },
  ): Promise<TrainResult> {
    const { options, inputs } = this;
    const run = this.#run;
    const batches = new TrainBatches(encodings.train.encodings, encodings.train.labels, options);
    const again = reselectStep(options, this.#plan!, batches.perEpoch);
    const begun = found?.state.stage === 'train' ? found : null;
    let step = begun?.state.step ?? 0;
    let segment = await this.#begin(batches, step, async (trainer) => {
      if (begun === null) return;
      const tensors = await this.#store.readTensors(begun.name);
      await restoreLayers(this.#encoder, tensors);
      await trainer.restore(begun.state.slots, tensors);
    });
    try {
      const upTo = (until: number) =>
        finetune({
          run,
          encoder: this.#encoder,
          trainer: segment.trainer,
          plan: this.#plan!,
          batches,
          validation: encodings.validation,
          labels: inputs.labels,
          options,
          step,
          until,
          save: (done, why) => this.#saveStep(segment, again !== null, done, why),
        });
      // A checkpoint at the very step is of the plan before.
      if (again !== null && step <= again) {
        await upTo(again);
        step = again;
        segment = await this.#reselect(segment, planning, batches, step);
      }
      await upTo(planning.steps);
      const { trainer, memory } = segment;
      await trainer.keepPrefix(0, 0);
      const chosen = chooseEpoch(run.progress, inputs.validation.texts.length);
      const best = run.progress.best!;
      if (chosen.epoch === best.epoch && best.epoch !== run.progress.evaluations.at(-1)!.epoch) {
        const old = await this.#store.readOldTensors(best.checkpoint);
        await restoreLayers(this.#encoder, old);
        await trainer.restoreWeights(old);
      }
      await trainer.mergeAdapters();
      let mistakes: Mistake[] = [];
      const scores = await run.stage('evaluate', async (report) => {
        const total = inputs.validation.texts.length + (inputs.test?.texts.length ?? 0);
        const score = (part: EncodedPart, before: number) =>
          evaluateEncoded(this.#encoder, part, inputs.labels, {
            signal: run.signal,
            onProgress: (done) => report(before + done, total),
            onLogits: (logits, predicted) => {
              if (part === encodings.test) this.hooks.onTest?.({ labels: inputs.labels, gold: part.labels, predicted });
              const { texts } = part === encodings.test ? inputs.test! : inputs.validation;
              if (part === encodings.test || !encodings.test)
                mistakes = worstMistakes(logits, part.labels, predicted, texts);
            },
          });
        const validation = await score(encodings.validation, 0);
        return { validation, test: encodings.test && (await score(encodings.test, inputs.validation.texts.length)) };
      });
      const remark = nothingLearned(inputs.train.labels, run.progress.evaluations.at(-1)!.loss, scores.validation);
      if (remark !== null) run.note(remark);
      return await this.#finish(found !== null, encodings.train.encodings, { memory, chosen, ...scores }, mistakes);
    } finally {
      segment.trainer.close();
    }
  }

  #begin(batches: TrainBatches, step: number, restore: (trainer: Trainer) => Promise<void>): Promise<Segment> {
    const run = this.#run;
    return beginSegment({
      run,
      encoder: this.#encoder,
      plan: this.#plan!,
      batches,
      options: this.options,
      step,
      restore,
    });
  }

  /** Measures and chooses again; closes the trainer of before. */
  async #reselect({ trainer }: Segment, planning: Planning, batches: TrainBatches, step: number): Promise<Segment> {
    const before = this.#plan!;
    const moments = await trainer.moments();
    await trainer.keepPrefix(0, 0);
    await this.#select(planning);
    const after = this.#plan!;
    const shared = sharedWeights(this.#encoder.config, before.layers, after.layers);
    this.#run.note(
      `units chosen again after step ${step}: ${shared.toFixed(2)} of their weights and those of before are in both (Jaccard)`,
    );
    trainer.close();
    return this.#begin(batches, step, (next) => next.takeOver(moments, (name) => sameSlice(name, before, after)));
  }

  /** Writes the model's files, adaptune.json last. */
  async #finish(
    resumed: boolean,
    encodings: readonly Encoding[],
    scores: Pick<ResultParts, 'memory' | 'chosen' | 'validation' | 'test'>,
    mistakes: Mistake[],
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
    if (inputs.split) await writeAtomic(join(out, 'validation.jsonl'), validationLines(inputs));
    run.addSeconds('save', (performance.now() - begin) / 1000);
    const sizes: [string, number][] = [];
    for (const name of await modelFileNames(out)) sizes.push([name, (await stat(join(out, name))).size]);
    const result = trainResult({
      head: {
        model: options.model,
        out: options.out,
        method: options.method,
        preset: options.preset,
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
      sizes,
      ...scores,
    });
    const { labels, mined, ...metrics } = result;
    const contents = {
      labels,
      maxLength: options.maxLength,
      tokens: mined,
      plan: this.#plan,
      options: describeSources(options),
      identity: inputs.identity,
      metrics,
    };
    const details = runDetails({
      options,
      inputs,
      encodings,
      config: this.#encoder.config,
      plan: this.#plan!,
      progress: run.progress,
      units: this.#units,
      mined,
      memory: scores.memory,
      scored: scores.test ? 'test' : 'validation',
      mistakes,
    });
    await writeReportFiles(out, describeModel(contents), details);
    await writeModelManifest(out, contents);
    return result;
  }

  #saveStep(
    { trainer, watch }: Segment,
    layers: boolean,
    step: number,
    why: 'periodic' | 'required',
  ): Promise<boolean> {
    const tensors = watch.watched(trainer.tensors());
    if (layers) tensors.push(...layerTensors(this.#encoder));
    return this.#checkpoints.saveStep(this.#state('train', step, trainer.slots()), tensors, why);
  }

  #state(stage: RunState['stage'], step = 0, slots: RunState['slots'] = []): CheckpointState {
    const { inputs, options, device } = this;
    return {
      state: {
        version: 1,
        adaptune: packageVersion(),
        identity: inputs.identity,
        stage,
        step,
        isa: device.isa,
        labels: inputs.labels,
        tokens: this.#mined as unknown as RunState['tokens'],
        plan: this.#plan,
        diagnostics: this.#diagnostics as unknown as RunState['diagnostics'],
        units: this.#units as unknown as RunState['units'],
        slots,
        progress: this.#run.progress,
      },
      tokenizer: Object.entries(this.#tokenizer.files(options.maxLength)),
    };
  }
}
