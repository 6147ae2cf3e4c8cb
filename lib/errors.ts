/**
 * The one list of error codes. Native codes are rows of it too (a test compares native/base/error.h with this list).
 * `usage`: the command line exits with 2 instead of 1.
 */
export const ERRORS = {
  E_ARGUMENT: { usage: true, meaning: 'An argument or option has the wrong type or value.' },
  E_CONFIG: { usage: true, meaning: 'A configuration file has an unknown key or a value out of range.' },
  E_FILE: { usage: false, meaning: 'A file cannot be read or written.' },
  E_DATA: { usage: false, meaning: 'A data file is not valid: the line and the reason are named.' },
  E_LABELS: {
    usage: false,
    meaning: 'The labels do not fit: too few, unseen in training, or different from the model’s.',
  },
  E_TOKENIZER: {
    usage: false,
    meaning: 'tokenizer.json is missing, broken, or has components that adaptune does not handle exactly.',
  },
  E_MODEL_INCOMPLETE: {
    usage: false,
    meaning: 'The model folder lacks a file or a tensor; an interrupted save or a partial download.',
  },
  E_MODEL_FORMAT: { usage: false, meaning: 'A weights file is not valid safetensors, or only a .bin is there.' },
  E_MODEL_CONFIG: {
    usage: false,
    meaning: 'config.json is not valid or names an architecture that adaptune does not run.',
  },
  E_MODEL_SHAPE: { usage: false, meaning: 'A tensor’s shape disagrees with config.json.' },
  E_MODEL_VALUE: { usage: false, meaning: 'A tensor holds NaN or infinite values.' },
  E_MODEL_MISMATCH: { usage: false, meaning: 'The files of the model folder do not belong together (sha256 differs).' },
  E_OUTPUT_EXISTS: { usage: false, meaning: 'The output folder is not empty, or is the model’s own folder.' },
  E_LOCKED: { usage: false, meaning: 'Another process works on this folder.' },
  E_RESUME: {
    usage: false,
    meaning: 'The run cannot be resumed: data, model or options differ from the checkpoint’s.',
  },
  E_COST_UNREACHABLE: { usage: false, meaning: 'No plan is that cheap; the minimum is named.' },
  E_MINING: { usage: false, meaning: 'Mining found more patterns than allowed.' },
  E_DIVERGED: { usage: false, meaning: 'The loss became NaN or infinite; the last good checkpoint is kept.' },
  E_INTERRUPTED: { usage: false, meaning: 'Stopped on request; a checkpoint is left.' },
  E_ADDON: { usage: false, meaning: 'The native addon cannot be loaded; remedies are listed.' },
  E_DEVICE: { usage: false, meaning: 'The device or instruction set is not available here.' },
  E_MEMORY: { usage: false, meaning: 'Not enough memory; what to lower is named.' },
  E_CLOSED: { usage: false, meaning: 'The model or device was closed.' },
  E_ABORTED: { usage: false, meaning: 'Cancelled by an AbortSignal.' },
  E_INTERNAL: { usage: false, meaning: 'A bug in adaptune.' },
} as const satisfies Record<string, { usage: boolean; meaning: string }>;

export type ErrorCode = keyof typeof ERRORS;

/** Every error that adaptune throws: a code of the list, and a message that says what was expected and what came. */
export class AdaptuneError extends Error {
  override readonly name = 'AdaptuneError';
  constructor(
    readonly code: ErrorCode,
    message: string,
    options?: { cause?: unknown },
  ) {
    super(message, options);
  }
}
