/** A page in a real browser, by the DevTools protocol over a pipe: what it asked for, said and shows. */
import { spawn, type ChildProcess } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { temporaryFolder } from './temporary.js';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** Path of a Chromium: the environment's CHROMIUM, or one on PATH; null where there is none. */
export function findChromium(): string | null {
  const given = process.env['CHROMIUM'];
  if (given) return given;
  const folders = (process.env['PATH'] ?? '').split(delimiter).filter((folder) => folder !== '');
  return folders.flatMap((folder) => NAMES.map((name) => join(folder, name))).find(isProgram) ?? null;
}

interface Message {
  id?: number;
  method?: string;
  params?: Record<string, unknown>;
  sessionId?: string;
  result?: Record<string, unknown>;
  error?: { message: string };
}

/** What happened while a page was open. */
export interface Events {
  /** Addresses asked for, the page's own included. */
  requests: string[];
  dialogs: string[];
  /** Of the console and the security policy. */
  messages: string[];
}

export class Chromium {
  #next = 1;
  readonly #waiting = new Map<number, (message: Message) => void>();
  readonly #listeners = new Set<(message: Message) => void>();
  readonly #input: Writable;

  private constructor(readonly process: ChildProcess) {
    this.#input = process.stdio[3] as Writable;
    let text = '';
    (process.stdio[4] as Readable).setEncoding('utf8').on('data', (chunk: string) => {
      const parts = (text + chunk).split('\0');
      text = parts.pop()!;
      for (const part of parts) this.#receive(JSON.parse(part) as Message);
    });
    const ended = (message: string) => {
      for (const [id, answer] of this.#waiting) answer({ id, error: { message } });
    };
    process.once('error', ({ message }) => ended(message)).once('exit', () => ended('the browser ended'));
  }

  static start(path: string): Chromium {
    const flags = [
      '--headless',
      // The pages are of these tests, and containers often allow no sandbox.
      '--no-sandbox',
      '--disable-gpu',
      '--disable-dev-shm-usage',
      '--disable-background-networking',
      '--disable-component-update',
      '--no-first-run',
      '--hide-scrollbars',
      '--remote-debugging-pipe',
      `--user-data-dir=${temporaryFolder('chromium')}`,
    ];
    return new Chromium(spawn(path, flags, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] }));
  }

  #receive(message: Message): void {
    if (message.id !== undefined) this.#waiting.get(message.id)?.(message);
    else for (const listener of this.#listeners) listener(message);
  }

  send(method: string, params: object = {}, sessionId?: string): Promise<Record<string, unknown>> {
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, ({ result, error }) => {
        this.#waiting.delete(id);
        if (error) reject(new Error(`${method}: ${error.message}`));
        else resolve(result ?? {});
      });
      this.#input.write(`${JSON.stringify({ id, method, params, ...(sessionId && { sessionId }) })}\0`);
    });
  }

  /** Opens a page in a window of this size and hands it to `look` once it has loaded and been drawn. */
  async visit<T>(url: string, width: number, look: (page: Page) => Promise<T>): Promise<T & Events> {
    const { targetId } = await this.send('Target.createTarget', { url: 'about:blank' });
    const { sessionId } = (await this.send('Target.attachToTarget', { targetId, flatten: true })) as {
      sessionId: string;
    };
    const events: Events = { requests: [], dialogs: [], messages: [] };
    let loaded = () => {};
    const load = new Promise<void>((resolve) => (loaded = resolve));
    const listener = ({ method, params = {}, sessionId: of }: Message) => {
      if (of !== sessionId) return;
      if (method === 'Page.loadEventFired') loaded();
      if (method === 'Network.requestWillBeSent') events.requests.push((params['request'] as { url: string }).url);
      if (method === 'Page.javascriptDialogOpening') {
        events.dialogs.push(String(params['message']));
        void this.send('Page.handleJavaScriptDialog', { accept: true }, sessionId);
      }
      if (method === 'Log.entryAdded') events.messages.push((params['entry'] as { text: string }).text);
      if (method === 'Runtime.consoleAPICalled' || method === 'Runtime.exceptionThrown')
        events.messages.push(JSON.stringify(params));
    };
    this.#listeners.add(listener);
    const page: Page = {
      evaluate: async <V>(expression: string) => {
        const { result, exceptionDetails } = (await this.send(
          'Runtime.evaluate',
          { expression, returnByValue: true, awaitPromise: true },
          sessionId,
        )) as { result: { value: V }; exceptionDetails?: object };
        if (exceptionDetails) throw new Error(JSON.stringify(exceptionDetails));
        return result.value;
      },
    };
    try {
      for (const domain of ['Page', 'Network', 'Log', 'Runtime']) await this.send(`${domain}.enable`, {}, sessionId);
      const metrics = { width, height: 900, deviceScaleFactor: 1, mobile: false };
      await this.send('Emulation.setDeviceMetricsOverride', metrics, sessionId);
      await this.send('Page.navigate', { url }, sessionId);
      await load;
      // Two frames later whatever an error handler would do has been done.
      await page.evaluate('new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))');
      return { ...(await look(page)), ...events };
    } finally {
      this.#listeners.delete(listener);
      await this.send('Target.closeTarget', { targetId });
    }
  }

  async close(): Promise<void> {
    const ended = new Promise((resolve) => this.process.once('exit', resolve));
    await this.send('Browser.close').catch(() => {});
    await ended;
  }
}

export interface Page {
  /** Runs outside of the page's policy. */
  evaluate<T>(expression: string): Promise<T>;
}
