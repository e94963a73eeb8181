// Leads: company data, contact history, scoring, routing to a representative, the CRM and campaigns.

import { isJsonObject, type JsonObject, number, own, Refusal, text } from '../json.ts';
import type { Operation } from '../operation.ts';

const COMPANIES: JsonObject = {
  'acme.example': { name: 'Acme', employees: 1800, industry: 'manufacturing', country: 'DE' },
  'corner-shop.example': { name: 'Corner Shop', employees: 4, industry: 'retail', country: 'FR' },
};

const CONTACTS: JsonObject = { 'ada@acme.example': [{ channel: 'webinar' }, { channel: 'trial' }] };

const REPRESENTATIVES: JsonObject = { DE: 'greta', FR: 'henri' };

export const salesOperations: Operation[] = [
  {
    name: 'GetCompany',
    route: 'GET /companies/{domain}',
    run(_world, input) {
      const company = own(COMPANIES, text(input, 'domain'));
      if (company === undefined) throw new Refusal('no company is known by that domain', 404);
      return company;
    },
  },
  {
    name: 'FindContactHistory',
    route: 'POST /contacts/history',
    run(_world, input) {
      const contacts = own(CONTACTS, text(input, 'email')) ?? [];
      return { count: Array.isArray(contacts) ? contacts.length : 0, contacts };
    },
  },
  {
    name: 'ScoreLead',
    route: 'POST /scoring/leads',
    run(_world, input) {
      const employees = number(input, 'employees');
      const score = Math.min(100, Math.round(Math.log10(employees + 1) * 20) + number(input, 'interactions') * 10);
      return { score, estimated_value: employees * 25 };
    },
  },
  {
    name: 'AssignRep',
    route: 'POST /routing/assignments',
    run(world, input) {
      const country = input['territory'];
      const found = typeof country === 'string' ? own(REPRESENTATIVES, country) : undefined;
      const rep = typeof found === 'string' ? found : 'inbound';
      const assignment = world.add('assignments', { rep, email: text(input, 'email') });
      return { assignment_id: assignment.id, rep_id: rep, rep_email: `${rep}@sales.example` };
    },
  },
  {
    name: 'UnassignRep',
    route: 'DELETE /routing/assignments/{assignment_id}',
    run: (world, input) => ({ unassigned: world.remove('assignments', text(input, 'assignment_id')) }),
  },
  {
    name: 'SaveLead',
    route: 'PUT /crm/leads/{email}',
    run(world, input) {
      const email = text(input, 'email');
      const { company, score, owner } = input;
      world.add('leads', { company: isJsonObject(company) ? company : null, score: score ?? null, owner: owner ?? null }, email);
      return { lead_id: email };
    },
  },
  {
    name: 'DeleteLead',
    route: 'DELETE /crm/leads/{email}',
    run: (world, input) => ({ deleted: world.remove('leads', text(input, 'email')) }),
  },
  {
    name: 'JoinCampaign',
    route: 'POST /campaigns/{campaign}/members',
    run(world, input) {
      const member = world.add('campaign_members', { campaign: text(input, 'campaign'), email: text(input, 'email') });
      return { member_id: member.id };
    },
  },
  {
    name: 'LeaveCampaign',
    route: 'DELETE /campaigns/members/{member_id}',
    run: (world, input) => ({ left: world.remove('campaign_members', text(input, 'member_id')) }),
  },
];
