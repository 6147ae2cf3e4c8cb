/** The public API. */
export { AdaptuneError, ERRORS, type ErrorCode } from './errors.js';
export { Classifier, type Prediction, type PredictOptions } from './serve/classifier.js';
export { evaluate, type EvaluateOptions, type Evaluation } from './train/evaluate.js';
export { train } from './train/job.js';
export { mine, type MineOptions } from './train/mine-corpus.js';
export type { MineTokensResult } from './train/mine.js';
export type { ClassMetrics, Metrics, Scores } from './train/metrics.js';
export { TRAIN_OPTIONS, type TrainOptions } from './train/options.js';
export type { LabelledTexts } from './train/labelled-texts.js';
export type { TrainResult } from './train/result.js';
export type { TrainEvent, TrainHooks, TrainStage } from './train/run.js';
export type { EpochEvaluation } from './train/state.js';
export type { DeviceOptions } from './native/device.js';
export type { Plan } from './select/plan.js';
