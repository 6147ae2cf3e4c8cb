/** Cells that a spreadsheet takes for text and nothing else, and back. For files that people open; machine files stay as they are. */

/** The beginning of a formula (OWASP, CSV injection), full-width forms included. */
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/;
/** Longer text is never taken for a number, a date or a time. */
const LONGEST_VALUE = 32;
const VALUE = /\d|^(?:true|false)$/i;

/**
 * An apostrophe before what would be a formula, and before what might become a number or a date (`1-2`, `MARCH1`, `007`, `10 am`):
 * which texts do depends on the country, so all short ones with a digit count.
 */
export function spreadsheetCell(text: string): string {
  const risky = FORMULA.test(text) || (text.length <= LONGEST_VALUE && VALUE.test(text)) || text.startsWith("'");
  return risky ? `'${text}` : text;
}

export function fromSpreadsheetCell(cell: string): string {
  return cell.startsWith("'") ? cell.slice(1) : cell;
}
