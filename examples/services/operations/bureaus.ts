// Background checks: four bureaus, a scoring engine that lives with what is missing, and the report that it files.

import { isJsonObject, type Json, type JsonObject, list, own, text } from '../json.ts';
import type { Operation } from '../operation.ts';

/** People with something on record: everybody else is clean. */
const RECORDS: JsonObject = { 'Rex Doyle': [{ kind: 'fraud', year: 2019 }] };
const COURT_CASES: JsonObject = { 'Rex Doyle': { kings: [{ docket: 'KI-2020-118' }] } };

export const bureauOperations: Operation[] = [
  {
    name: 'VerifyIdentity',
    route: 'POST /bureaus/identity',
    run(_world, input) {
      const document = text(input, 'document');
      return { verified: !document.startsWith('X'), name: text(input, 'name') };
    },
  },
  {
    name: 'SearchRecords',
    route: 'POST /bureaus/criminal',
    run: (_world, input) => ({ state: text(input, 'state'), records: own(RECORDS, text(input, 'name')) ?? [] }),
  },
  {
    name: 'SearchCourt',
    route: 'GET /bureaus/courts/{county}',
    run(_world, input) {
      const county = text(input, 'county');
      const cases = own(COURT_CASES, text(input, 'name'));
      return { county, cases: (isJsonObject(cases) ? own(cases, county) : undefined) ?? [] };
    },
  },
  {
    name: 'GetCreditScore',
    route: 'POST /bureaus/credit',
    run: (_world, input) => ({ score: text(input, 'document').endsWith('9') ? 540 : 718 }),
  },
  {
    name: 'FileReport',
    route: 'POST /reports',
    run(world, input) {
      const { status, risk } = judge(input);
      const missing = ['identity', 'criminal', 'credit'].filter((name) => (input[name] ?? null) === null);
      const report = world.add('reports', { candidate: text(input, 'candidate'), status, risk_level: risk, missing });
      return { report_id: report.id, status, risk_level: risk, missing };
    },
  },
  {
    name: 'WithdrawReport',
    route: 'DELETE /reports/{report_id}',
    run: (world, input) => ({ withdrawn: world.remove('reports', text(input, 'report_id')) }),
  },
];

/** A report needs an identity; any finding is a risk; a bureau that did not answer leaves the decision to a person. */
function judge(input: JsonObject): { status: string; risk: string } {
  const identity: Json = input['identity'] ?? null;
  if (!isJsonObject(identity) || identity['verified'] !== true) return { status: 'rejected', risk: 'high' };
  const criminal = input['criminal'];
  const credit = input['credit'];
  const found =
    (isJsonObject(criminal) ? list(criminal, 'records').length : 0) +
    list(input, 'courts').reduce((sum: number, court) => sum + (isJsonObject(court) ? list(court, 'cases').length : 0), 0);
  if (found > 0) return { status: 'rejected', risk: 'high' };
  if (!isJsonObject(criminal) || !isJsonObject(credit)) return { status: 'review', risk: 'unknown' };
  const low = typeof credit['score'] === 'number' && credit['score'] >= 600;
  return low ? { status: 'accepted', risk: 'low' } : { status: 'review', risk: 'medium' };
}
