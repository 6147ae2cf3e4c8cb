/**
 * Progress on stderr: a bar with rate and time left on a terminal, otherwise plain lines, one every ten seconds at most
 * and one when a stage ends.
 */
import type * as Bars from 'cli-progress';
import { escapeControls } from '../util/terminal.js';
import { count, duration, note } from './output.js';

export interface Progress {
  stage: string;
  done: number;
  /** Null while the end is not known. */
  total: number | null;
  /** What is counted: `texts`, `steps`, `%`. */
  unit: string;
  /** Anything worth a glance: `loss 0.71`. */
  detail?: string;
}

const PLAIN_INTERVAL_MS = 10_000;

/** Progress of a job that tells its share, 0 to 1. */
export const share = (done: number) => ({ done: Math.round(100 * done), total: 100, unit: '%' });

/** Null without a terminal: the library is some twenty files, which take a tenth of a small job's time to load. */
const bars = process.stderr.isTTY && process.env['TERM'] !== 'dumb' ? await import('cli-progress') : null;

export class ProgressLine {
  #bar: Bars.SingleBar | null = null;
  #last: Progress | null = null;
  /** Time (ms) and position of the first report of the stage: a resumed stage does not begin at 0. */
  #began = { at: 0, done: 0 };
  #shown = 0;

  update(progress: Progress): void {
    const now = performance.now();
    if (progress.stage !== this.#last?.stage) {
      this.end();
      this.#began = { at: now, done: progress.done };
      this.#shown = now;
    }
    this.#last = progress;
    if (bars) {
      this.#bar ??= openBar(bars, progress);
      this.#bar.setTotal(progress.total ?? progress.done);
      this.#bar.update(progress.done, { words: this.#words(progress, now) });
    } else if (now - this.#shown >= PLAIN_INTERVAL_MS) {
      this.#shown = now;
      note(`${progress.stage}: ${this.#words(progress, now)}`);
    }
  }

  /** A remark on a line of its own; the bar comes back with the next update. */
  note(text: string): void {
    this.#closeBar();
    note(text);
  }

  /** Ends the current stage; call before printing anything else. */
  end(): void {
    this.#closeBar();
    if (this.#last === null) return;
    const { stage, detail } = this.#last;
    const seconds = (performance.now() - this.#began.at) / 1000;
    note(`${stage}: ${counted(this.#last)} in ${duration(seconds)}${detail ? `, ${detail}` : ''}`);
    this.#last = null;
  }

  #closeBar(): void {
    this.#bar?.stop();
    this.#bar = null;
  }

  #words(progress: Progress, now: number): string {
    const { done, total, unit, detail } = progress;
    const rate = (done - this.#began.done) / Math.max((now - this.#began.at) / 1000, 1e-3);
    const left = total !== null && rate > 0 ? `, ${duration(Math.max(total - done, 0) / rate)} left` : '';
    const speed = rate > 0 && unit !== '%' ? `, ${rate < 10 ? rate.toFixed(1) : count(rate)}/s` : '';
    return `${counted(progress)}${speed}${left}${detail ? `, ${detail}` : ''}`;
  }
}

const counted = ({ done, total, unit }: Progress) =>
  unit === '%' ? `${done} %` : `${count(done)}${total === null ? '' : ` of ${count(total)}`} ${unit}`;

function openBar({ SingleBar, Presets }: typeof Bars, { stage, total }: Progress): Bars.SingleBar {
  const bar = new SingleBar(
    {
      format: `${escapeControls(stage)} ${total === null ? '' : '{bar} '}{words}`,
      stream: process.stderr,
      clearOnComplete: true,
      hideCursor: true,
      barsize: 24,
    },
    Presets.shades_classic,
  );
  bar.start(1, 0, { words: '' });
  return bar;
}
