/**
 * Progress on stderr: a bar with rate and time left on a terminal, otherwise plain lines, one every ten seconds at most
 * and one when a stage ends.
 */
import { Presets, SingleBar } from 'cli-progress';
import { escapeControls } from '../util/terminal.js';
import { duration, note } from './output.js';

export interface Progress {
  stage: string;
  done: number;
  total: number;
  /** Anything worth a glance: `loss 0.71`. */
  detail?: string;
}

const PLAIN_INTERVAL_MS = 10_000;

export class ProgressLine {
  readonly #terminal = process.stderr.isTTY;
  #bar: SingleBar | null = null;
  #last: Progress | null = null;
  #started = 0;
  #shown = 0;

  update(progress: Progress): void {
    const now = performance.now();
    if (progress.stage !== this.#last?.stage) {
      this.end();
      [this.#started, this.#shown] = [now, now];
      if (this.#terminal) this.#bar = this.#openBar(progress);
    }
    this.#last = progress;
    if (this.#bar) {
      this.#bar.setTotal(progress.total);
      this.#bar.update(progress.done, this.#words(progress, now));
    } else if (now - this.#shown >= PLAIN_INTERVAL_MS) {
      this.#shown = now;
      const { rate, left, detail } = this.#words(progress, now);
      note(`${progress.stage}: ${progress.done} of ${progress.total}, ${rate}/s, ${left} left${detail}`);
    }
  }

  /** Ends the current stage; call before printing anything else. */
  end(): void {
    this.#bar?.stop();
    this.#bar = null;
    if (this.#last === null) return;
    const { stage, done, detail } = this.#last;
    const seconds = (performance.now() - this.#started) / 1000;
    note(`${stage}: ${done} in ${duration(seconds)}${detail ? `, ${detail}` : ''}`);
    this.#last = null;
  }

  #words({ done, total, detail }: Progress, now: number): { rate: string; left: string; detail: string } {
    const rate = done / Math.max((now - this.#started) / 1000, 1e-3);
    const left = rate > 0 ? duration(Math.max(total - done, 0) / rate) : '?';
    return { rate: rate.toFixed(1), left, detail: detail ? `, ${escapeControls(detail)}` : '' };
  }

  #openBar({ stage, total }: Progress): SingleBar {
    const format = `${escapeControls(stage)} {bar} {value}/{total}, {rate}/s, {left} left{detail}`;
    const options = { format, stream: process.stderr, clearOnComplete: true, hideCursor: true, barsize: 24 };
    const bar = new SingleBar(options, Presets.shades_classic);
    bar.start(total, 0, { rate: '0', left: '?', detail: '' });
    return bar;
  }
}
