// What a service refuses, as a command's own error: what the user can do something about is wrong usage, the rest a failure.

import { ConnectionError, type ErrorDetail, MaestroError } from '../../sdk/index.ts';
import { CommandError, EXIT_FAILED, EXIT_USAGE } from '../exit.ts';

/** @param url of the service, for messages */
export async function told<T>(url: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof MaestroError) throw refusal(url, error);
    if (error instanceof ConnectionError) throw loss(url, error);
    throw error;
  }
}

function refusal(url: string, error: MaestroError): CommandError {
  const { code, status, requestId, details, retryAfter } = error;
  const mine = status >= 400 && status < 500 && status !== 429;
  const message = inCommands(error.message);
  const lines = isDetails(details) ? details.filter((detail) => !message.includes(detail.message)).map(detailLine) : [];
  return new CommandError(code, `${[`${message}${hint(url, error)}`, ...lines].join('\n')}`, mine ? EXIT_USAGE : EXIT_FAILED, {
    ...(details === undefined ? {} : { details }),
    ...(requestId === undefined ? {} : { request_id: requestId }),
    ...(retryAfter === undefined ? {} : { retry_after: retryAfter }),
  });
}

/** The service names its routes; who reads this has commands. */
function inCommands(message: string): string {
  return message.replace('`GET /api/v2/orchestrate/run`', '`maestro runs`').replace('`GET /api/v2/keys`', '`maestro keys list`');
}

/** What to do about it, where the service cannot know. */
function hint(url: string, { status, retryAfter, code }: MaestroError): string {
  if (code === 'not_maestro') return ` It was asked for at ${url}; --url (or MAESTRO_URL) names another.`;
  if (status === 401) {
    return `\nGive a key that ${url} knows with --key or MAESTRO_API_KEY. That of a \`maestro dev\` is in the file api-key of its data folder; \`maestro keys create\` makes others.`;
  }
  if (status === 403) return '\n`maestro keys create NAME --scopes …` makes a key that may, with a key of scope admin.';
  if (status === 429 && retryAfter !== undefined) return `\nIt may be asked again in ${retryAfter} s.`;
  return '';
}

function loss(url: string, error: ConnectionError): CommandError {
  if (!error.maybePerformed) {
    return new CommandError(
      'no_service',
      `${url}: no Maestro service answers there (${error.message}). Start one with \`maestro dev\`, or name another with --url (or MAESTRO_URL).`,
      EXIT_FAILED,
    );
  }
  return new CommandError(
    error.code,
    `${url}: ${error.message}. What was asked for may have been done: look with \`maestro get\` or \`maestro runs\` before you repeat it.`,
    EXIT_FAILED,
  );
}

function detailLine({ path, message }: ErrorDetail): string {
  return `  ${path.length === 0 ? 'all of it' : path.join('.')}: ${message}`;
}

function isDetails(details: MaestroError['details']): details is ErrorDetail[] {
  return (
    Array.isArray(details) &&
    details.every((each) => typeof each === 'object' && each !== null && 'path' in each && Array.isArray(each.path) && 'message' in each)
  );
}
