import { AssertionError } from 'chai';
import { AdaptuneError } from '../../lib/errors.js';

/** The coded error that the work ends with; anything else fails the test. */
export async function failure(work: Promise<unknown>): Promise<AdaptuneError> {
  const error: unknown = await work.then(
    () => new AssertionError('expected an AdaptuneError but the work succeeded'),
    (reason: unknown) => reason,
  );
  if (!(error instanceof AdaptuneError)) throw error;
  return error;
}
