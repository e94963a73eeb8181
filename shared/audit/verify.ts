// Walks the chains of a tenant and says what is not as it was written.

import type { AuditHead, AuditProblem } from '../contract/index.ts';
import type { Item, Store } from '../store/index.ts';
import { CHAINS, chainPartition, GENESIS, headsPartition, seqOf, signHead, signReceipt } from './records.ts';
import type { AuditKey, AuditVerdict } from './types.ts';

/** Receipts in memory at once. */
const PAGE = 500;
/** Problems that are told: the first few say where to look. */
const MAX_PROBLEMS = 100;

type Report = (seq: number, problem: AuditProblem['problem'], message: string) => void;

/** What has been walked of a chain. */
interface Walk {
  /** The number and the hash of the last receipt seen, as they are in the store. */
  seq: number;
  hash: string;
  /** That receipt was signed for its place: what follows another cannot be compared with it. */
  genuine: boolean;
  receipts: number;
}

export async function verifyTenant(store: Store, key: AuditKey, tenant: string): Promise<AuditVerdict> {
  const verdict: AuditVerdict = { ok: true, receipts: 0, chains: 0, problems: [] };
  // Before the chains: what is appended meanwhile is longer than its head, never shorter.
  const heads = await store.list(headsPartition(tenant));
  for (let chain = 0; chain < CHAINS; chain++) {
    const report: Report = (seq, problem, message) => {
      verdict.ok = false;
      if (verdict.problems.length < MAX_PROBLEMS)
        verdict.problems.push({ chain, seq, problem, message: `receipt ${chain}.${seq}: ${message}` });
    };
    const head = heads.find(({ sk }) => Number(sk) === chain);
    const { receipts } = await verifyChain(store, key, tenant, chain, head, report);
    verdict.receipts += receipts;
    if (receipts > 0 || head) verdict.chains++;
  }
  return verdict;
}

async function verifyChain(
  store: Store,
  key: AuditKey,
  tenant: string,
  chain: number,
  headItem: Item | undefined,
  report: Report,
): Promise<Walk> {
  const head = headItem && (await readHead(key, tenant, chain, headItem, report));
  const walk: Walk = { seq: 0, hash: GENESIS, genuine: true, receipts: 0 };
  for (let after: string | undefined; ; ) {
    const page = await store.list(chainPartition(tenant, chain), { limit: PAGE, ...(after === undefined ? {} : { after }) });
    for (const item of page) await verifyReceipt(key, { tenant, chain }, item, walk, head, report);
    after = page.at(-1)?.sk;
    if (page.length < PAGE) break;
  }
  if (head && head.seq > walk.seq)
    report(walk.seq + 1, 'cut', `found the chain's end before it, expected it to go on to ${head.seq}, as its signed head says`);
  return walk;
}

async function verifyReceipt(
  key: AuditKey,
  place: { tenant: string; chain: number },
  item: Item,
  walk: Walk,
  head: AuditHead | undefined,
  report: Report,
): Promise<void> {
  const { body } = item;
  const seq = seqOf(item);
  walk.receipts++;
  if (seq === undefined)
    return report(walk.seq, 'altered', `found an item after it at ${JSON.stringify(item.sk.slice(0, 40))}, which is no receipt's place`);
  const gap = seq !== walk.seq + 1;
  if (gap) report(walk.seq + 1, 'missing', `found none, and the next one is ${seq}`);
  const genuine = body['hash'] === (await signReceipt(key, body));
  const inPlace = body['tenant'] === place.tenant && body['chain'] === place.chain && body['seq'] === seq;
  if (!genuine) report(seq, 'altered', 'its hash is not that of its text');
  else if (!inPlace) report(seq, 'reordered', 'it was written at another place');
  else if (!gap && walk.genuine && body['previous_hash'] !== walk.hash)
    report(seq, 'reordered', 'the one before it is not the one that it follows');
  walk.seq = seq;
  walk.hash = typeof body['hash'] === 'string' ? body['hash'] : GENESIS;
  walk.genuine = genuine && inPlace;
  if (head?.seq === seq && head.hash !== walk.hash && genuine) report(seq, 'bad_head', 'it is not the one that the signed head names');
}

/** The head, if it is one that was signed here. */
async function readHead(key: AuditKey, tenant: string, chain: number, { body }: Item, report: Report): Promise<AuditHead | undefined> {
  const head = body as unknown as AuditHead;
  const genuine = head.chain === chain && head.signature === (await signHead(key, tenant, head));
  if (genuine) return head;
  report(typeof head.seq === 'number' ? head.seq : 0, 'bad_head', "the chain's head is not one that was signed for it");
  return undefined;
}
