/** A stream in windows: whatever came while the reader was at work, so that neither a fast nor a slow source waits. */

export interface WindowLimit<T> {
  /** Items of a window at most. */
  items: number;
  /** Sum of `weigh` over the items read ahead, exceeded by one item at most. */
  weight: number;
  weigh: (item: T) => number;
}

/**
 * Lists of at least one item, in order. The source is read ahead up to one window while the last one is worked on. Its error
 * comes after all that came before it. When the reader leaves early, the source is left at its next item.
 */
export async function* windows<T>(source: AsyncIterable<T>, limit: WindowLimit<T>): AsyncGenerator<T[]> {
  const ahead = new ReadAhead(source, limit);
  try {
    for (let window = await ahead.take(); window.length > 0; window = await ahead.take()) yield window;
  } finally {
    ahead.leave();
  }
}

class ReadAhead<T> {
  #queue: T[] = [];
  #weight = 0;
  /** Nothing more is read. */
  #ended = false;
  #failure: { error: unknown } | null = null;
  /** Only one side waits at a time: the source for room, or the reader for items. */
  #wake = () => {};

  constructor(
    source: AsyncIterable<T>,
    private readonly limit: WindowLimit<T>,
  ) {
    void this.#read(source);
  }

  async #read(source: AsyncIterable<T>): Promise<void> {
    try {
      for await (const item of source) {
        this.#queue.push(item);
        this.#weight += this.limit.weigh(item);
        this.#wake();
        while (this.#full() && !this.#ended) await this.#change();
        if (this.#ended) return;
      }
    } catch (error) {
      this.#failure = { error };
    }
    this.leave();
  }

  /** All that is there, at least one item; none at the end. */
  async take(): Promise<T[]> {
    while (this.#queue.length === 0 && !this.#ended) await this.#change();
    const window = this.#queue;
    if (window.length === 0 && this.#failure) throw this.#failure.error;
    this.#queue = [];
    this.#weight = 0;
    this.#wake();
    return window;
  }

  leave(): void {
    this.#ended = true;
    this.#wake();
  }

  #full(): boolean {
    return this.#queue.length >= this.limit.items || this.#weight >= this.limit.weight;
  }

  #change(): Promise<void> {
    return new Promise((resolve) => (this.#wake = resolve));
  }
}
