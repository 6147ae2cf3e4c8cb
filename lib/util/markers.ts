/** Strings in texts that stand for themselves: entity markers and the like. */

export const longestFirst = (markers: readonly string[]): string[] =>
  markers.filter((marker) => marker !== '').sort((a, b) => b.length - a.length || (a < b ? -1 : 1));

/** Tells whether UTF-16 [from, to) of the text overlaps one of the markers. */
export function markedUnits(text: string, markers: readonly string[]): (from: number, to: number) => boolean {
  const spans: [number, number][] = [];
  for (const marker of longestFirst(markers)) {
    for (let at = text.indexOf(marker); at !== -1; at = text.indexOf(marker, at + 1))
      spans.push([at, at + marker.length]);
  }
  return (from, to) => spans.some(([begin, end]) => from < end && begin < to);
}
