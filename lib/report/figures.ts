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

/** Of a path, of any system. */
export const lastPart = (path: string): string => path.split(/[/\\]/).findLast((part) => part !== '') ?? path;
