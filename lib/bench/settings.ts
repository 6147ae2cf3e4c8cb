/** What can be asked for; loads nothing. */

export const WHATS = ['kernels', 'train', 'infer'] as const;
export type What = (typeof WHATS)[number];

/** [layers, hidden, heads]; the feed-forward layer is four times as wide. */
export const SHAPES = {
  tiny: [2, 128, 2],
  mini: [4, 256, 4],
  small: [4, 512, 8],
  minilm: [6, 384, 12],
  base: [12, 768, 12],
  large: [24, 1024, 16],
} as const;
export type ShapeName = keyof typeof SHAPES;
export const SHAPE_NAMES = Object.keys(SHAPES) as ShapeName[];
