/** What tokenizing a list of texts returns; the shape that mining, training, evaluation and prediction share. */
export interface Encoding {
  /** Token ids with special tokens, cut to max length. */
  ids: Int32Array;
  /** Sequence (0 or 1 of a pair) of each token. */
  typeIds: Int32Array;
  /** UTF-16 [start, end) in the text of each token; special tokens [0, 0). Length 2 * ids.length. */
  offsets: Int32Array;
  /** Pieces before merging of the text that survives the cut, with specials: what "base tokens" counts. */
  baseTokens: number;
  truncated: boolean;
}
