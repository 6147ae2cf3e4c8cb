/** Figures as people read them; the same everywhere, whatever the locale. */
export const two = (value: number): string => value.toFixed(2);
export const three = (value: number): string => value.toFixed(3);
export const percent = (value: number, digits = 1): string => `${(100 * value).toFixed(digits)}\u00a0%`;
export const counted = (value: number): string => String(Math.round(value)).replace(/\B(?=(\d{3})+$)/g, ',');
export const orDash = (value: number | null, shown: (value: number) => string): string =>
  value === null ? '–' : shown(value);
export const mebibytes = (bytes: number): string => `${counted(bytes / 2 ** 20)} MiB`;

export function seconds(value: number): string {
  if (value < 10) return `${value.toFixed(value < 1 ? 2 : 1)} s`;
  if (value < 120) return `${Math.round(value)} s`;
  const minutes = Math.round(value / 60);
  return minutes < 120 ? `${minutes} min` : `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** The beginning, and an ellipsis where there is more; a surrogate pair is not torn. */
export const brief = (text: string, most: number): string =>
  text.length <= most ? text : `${text.slice(0, most).replace(/[\ud800-\udbff]$/, '')}…`;
/** Names of others, which may be as long as a book: as much as tells them apart. */
export const briefName = (name: string): string => brief(name, 100);

/** Of a path, of any system. */
export const lastPart = (path: string): string => path.split(/[/\\]/).findLast((part) => part !== '') ?? path;
