/** What tokenizing a list of texts returns; the shape that mining, training, evaluation and prediction share. */
export interface Encoding {
  /** Token ids with special tokens, cut to max length. */
  ids: Int32Array;
  /** Sequence (0 or 1 of a pair) of each token. */
  typeIds: Int32Array;
  /**
   * UTF-16 [start, end) in the text of each token; special tokens [0, 0). Length 2 * ids.length. The token of a gapped
   * pattern reaches from its first to its last word, over the words in its gaps.
   */
  offsets: Int32Array;
  /** Pieces before merging of the text that survives the cut, with specials: what "base tokens" counts. */
  baseTokens: number;
  truncated: boolean;
}

/** Tokens of one text before special tokens are added. */
export interface Part {
  text: string;
  ids: Int32Array;
  /** UTF-16 [start, end) in the text of each token. */
  offsets: Int32Array;
  /** See PlacedPart of word-units.ts; absent where nothing needs it. */
  places?: Int32Array;
}

/** The first `units` UTF-16 units of a text, or one fewer where the last would be half a surrogate pair. */
export function head(text: string, units: number): string {
  if (text.length <= units) return text;
  const last = text.charCodeAt(units - 1);
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? units - 1 : units);
}

/** Offsets in Unicode characters, as the library counts them, to UTF-16 units. An unpaired surrogate counts as one. */
export function utf16Offsets(offsets: readonly (readonly number[])[], text: string): Int32Array {
  const result = new Int32Array(2 * offsets.length);
  if (!/[\ud800-\udbff][\udc00-\udfff]/.test(text)) {
    for (let i = 0; i < offsets.length; i++) {
      result[2 * i] = offsets[i]![0]!;
      result[2 * i + 1] = offsets[i]![1]!;
    }
    return result;
  }
  const unit = new Int32Array(text.length + 1);
  let characters = 0;
  for (let at = 0; at < text.length; at += text.codePointAt(at)! > 0xffff ? 2 : 1) unit[characters++] = at;
  unit[characters] = text.length;
  for (let i = 0; i < offsets.length; i++) {
    result[2 * i] = unit[offsets[i]![0]!]!;
    result[2 * i + 1] = unit[offsets[i]![1]!]!;
  }
  return result;
}

/** The first `count` tokens of a part. */
export function firstTokens(part: Part, count: number): Part {
  if (part.ids.length <= count) return part;
  const { text, ids, offsets, places } = part;
  return {
    text,
    ids: ids.slice(0, count),
    offsets: offsets.slice(0, 2 * count),
    ...(places ? { places: places.slice(0, count) } : {}),
  };
}

/**
 * How many tokens of each text of a pair fit into `room`: the longer text is cut first, down to equal lengths; an odd
 * token goes to the longer text, to the second when both are equal. The rule of transformers' `longest_first`, but that
 * where each text alone is too long, the library may give the odd token to the other.
 */
export function fitPair(first: number, second: number, room: number): [number, number] {
  if (first + second <= room) return [first, second];
  const shorter = Math.min(first, second, Math.floor(room / 2));
  const longer = room - shorter;
  return first > second ? [longer, shorter] : [shorter, longer];
}
