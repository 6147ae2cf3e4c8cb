/**
 * The one list of error codes. Native codes are rows of it too (a test compares native/base/error.h with this list), and
 * docs/errors.md is made from it. `usage`: the command line exits with 2 instead of 1. `remedy`: what to do, for people.
 */
export const ERRORS = {
  E_ARGUMENT: {
    usage: true,
    meaning: 'An argument or option has the wrong type or value.',
    remedy: 'Correct the option that the message names; `adaptune <command> --help` lists the legal values.',
  },
  E_CONFIG: {
    usage: true,
    meaning: 'A configuration file has an unknown key or a value out of range.',
    remedy: 'Correct the key that the message names. Keys are the options’ names, as `max-length` or `maxLength`.',
  },
  E_FILE: {
    usage: false,
    meaning: 'A file cannot be read or written.',
    remedy: 'Check the path, its permissions and the free space. Nothing half-written is left in its place.',
  },
  E_DATA: {
    usage: false,
    meaning: 'A data file is not valid: the line and the reason are named.',
    remedy:
      'Correct that line. Files are UTF-8 JSONL, CSV (commas, header row) or TSV; `--text` and `--label` name the columns.',
  },
  E_LABELS: {
    usage: false,
    meaning: 'The labels do not fit: too few, unseen in training, or different from the model’s.',
    remedy:
      'Training needs two labels or more; other files may hold only labels that training saw. Check the spelling.',
  },
  E_TOKENIZER: {
    usage: false,
    meaning: 'tokenizer.json is missing, broken, or has components that adaptune does not handle exactly.',
    remedy: 'Take the model’s own tokenizer.json: BERT’s normalizer and pre-tokenizer, WordPiece.',
  },
  E_MODEL_INCOMPLETE: {
    usage: false,
    meaning: 'The model folder lacks a file or a tensor; an interrupted save or a partial download.',
    remedy: 'Download the folder again, or finish the run that writes it with `--resume`.',
  },
  E_MODEL_FORMAT: {
    usage: false,
    meaning: 'A weights file is not valid safetensors, or only a .bin is there.',
    remedy:
      'Download model.safetensors again (a Git LFS pointer is a text of three lines); convert a .bin with transformers.',
  },
  E_MODEL_CONFIG: {
    usage: false,
    meaning: 'config.json is not valid or names an architecture that adaptune does not run.',
    remedy: 'Choose a BERT encoder (`"model_type": "bert"`, GELU, absolute positions).',
  },
  E_MODEL_SHAPE: {
    usage: false,
    meaning: 'A tensor’s shape disagrees with config.json.',
    remedy: 'config.json and model.safetensors come from different models: download both from one place.',
  },
  E_MODEL_VALUE: {
    usage: false,
    meaning: 'A tensor holds NaN or infinite values.',
    remedy: 'The weights are damaged or come from a run that diverged: take others.',
  },
  E_MODEL_MISMATCH: {
    usage: false,
    meaning: 'The files of the model folder do not belong together (sha256 differs).',
    remedy: 'Copy the whole folder again; do not replace single files of a saved model.',
  },
  E_OUTPUT_EXISTS: {
    usage: false,
    meaning: 'The output is there already, or is one of the inputs.',
    remedy: 'Name another `--out`, remove the old one, or continue an unfinished run with `--resume`.',
  },
  E_LOCKED: {
    usage: false,
    meaning: 'Another process works on this folder.',
    remedy: 'Wait for it or end it; the lock goes with the process.',
  },
  E_RESUME: {
    usage: false,
    meaning: 'The run cannot be resumed: data, model or options differ from the checkpoint’s.',
    remedy: 'Give the options and files of the first start, or begin anew in another folder.',
  },
  E_COST_UNREACHABLE: {
    usage: false,
    meaning: 'No plan is that cheap; the minimum is named.',
    remedy: 'Raise `--cost` to the minimum, or use `--method frozen`.',
  },
  E_MINING: {
    usage: false,
    meaning: 'Mining found more patterns than allowed.',
    remedy: 'Raise `--min-support` to the value that the message names.',
  },
  E_DIVERGED: {
    usage: false,
    meaning: 'The loss or the weights became NaN, infinite or absurdly large; the last good checkpoint is kept.',
    remedy:
      'Begin anew with a lower rate: divide `--lr`, or the rate that you raised, by 3 to 10. `--resume` keeps the rates of the run.',
  },
  E_INTERRUPTED: {
    usage: false,
    meaning: 'Stopped on request; a checkpoint is left.',
    remedy: 'Run the same command with `--resume` (`resume: true`): the result is the same, bit for bit.',
  },
  E_ADDON: {
    usage: false,
    meaning: 'The native addon cannot be loaded; remedies are listed.',
    remedy: 'Build it: `npx adaptune build`, in a clone `npm run build`. `adaptune doctor` says what is found.',
  },
  E_DEVICE: {
    usage: false,
    meaning: 'The device or instruction set is not available here.',
    remedy: 'Unset ADAPTUNE_ISA and leave `--device auto`; `adaptune doctor` lists what runs here.',
  },
  E_MEMORY: {
    usage: false,
    meaning: 'Not enough memory; what to lower is named.',
    remedy: 'Lower `--batch` or `--max-length`, or raise the container’s limit.',
  },
  E_CLOSED: {
    usage: false,
    meaning: 'The model or device was closed.',
    remedy: 'Call `close()` last, when no call is under way.',
  },
  E_ABORTED: {
    usage: false,
    meaning: 'Cancelled by an AbortSignal.',
    remedy: 'Nothing: it is what the program asked for; `cause` is the signal’s reason.',
  },
  E_INTERNAL: {
    usage: false,
    meaning: 'A bug in adaptune.',
    remedy: 'Report it with the stack trace that ADAPTUNE_DEBUG=1 prints.',
  },
} as const satisfies Record<string, { usage: boolean; meaning: string; remedy: string }>;

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
